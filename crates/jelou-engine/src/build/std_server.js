export function serve(handler, options = {}) {
  return Deno.serve(options, handler).finished;
}

export const serveTls = serve;

/** The address has no effect. */
export function listenAndServe(address, handler = address) {
  return serve(handler);
}

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
