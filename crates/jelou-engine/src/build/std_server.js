export function serve(handler, options = {}) {
  return Deno.serve(options, handler).finished;
}

export const serveTls = serve;

export class Server {
  #options;
  constructor(options) {
    this.#options = options;
  }
  listenAndServe() {
    return serve(this.#options.handler, this.#options);
  }
  close() {}
}
