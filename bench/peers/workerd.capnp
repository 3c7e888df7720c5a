using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [
    (name = "main", esModule = embed "workerd.js"),
    (name = "functions.js", esModule = embed "functions.js")
  ],
  compatibilityDate = "2024-09-01"
);
