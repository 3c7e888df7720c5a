//! `ioredis` with Redis.

use std::os::unix::process::CommandExt as _;

use rustix::process::Signal;
use serde_json::json;

use super::Stage;
use crate::support::daemon::{Daemon, command, folder, free_port, program};
use crate::support::eventually;

fn start(port: u16) -> Daemon {
    let folder = folder();
    // The package `redis-tools` has the server's program, under another name.
    let program = program("redis-check-rdb", &["/usr/bin"]);
    let mut server = command(&program, folder.path());
    server
        .arg0("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--requirepass", "secreto"]);
    Daemon::start(&mut server, port, folder).ended_by(Signal::TERM)
}

const CLIENTS: &str = r#"
import Redis from "ioredis";
const redis = new Redis(process.env.REDIS_URL, { lazyConnect: true, maxRetriesPerRequest: 2 });
redis.on("error", (error) => console.log("redis:", error.code ?? error.message));
"#;

const HANDLER: &str = r#"async ({ key }) => {
  const count = await redis.incr(key);
  await redis.pipeline().set("saludo", "ñandú €").expire("saludo", 60).exec();
  return { count, saludo: await redis.get("saludo"), id: await redis.client("ID") };
}"#;

#[test]
fn a_client_of_ioredis_survives_between_calls() {
    let port = free_port();
    let redis = start(port);
    let url = format!("redis://:secreto@localhost:{port}/0");
    let stage = Stage::start(
        &[("ioredis", "5.4.2")],
        &[("REDIS_URL", &url)],
        CLIENTS,
        HANDLER,
    );
    stage.jelou(&format!("egress allow clientes localhost:{port}"));
    let first = stage.call(&json!({ "key": "visitas" }));
    assert_eq!(
        (&first["count"], &first["saludo"]),
        (&json!(1), &json!("ñandú €"))
    );
    for count in 2..20 {
        let next = stage.call(&json!({ "key": "visitas" }));
        assert_eq!((&next["count"], &next["id"]), (&json!(count), &first["id"]));
    }

    // The client reconnects automatically.
    drop(redis.stop(Signal::TERM));
    let _redis = start(port);
    eventually("an answer after the restart", || {
        let (status, answer) = stage.try_call(&json!({ "key": "visitas" }));
        (status == 200 && answer["count"] == 1).then_some(())
    });

    // The rule applies to no other function, and to this function only until it is removed.
    stage.jelou(&format!("egress deny clientes localhost:{port}"));
    let (status, answer) = stage.try_call(&json!({ "key": "visitas" }));
    assert_eq!(status, 500, "{answer}");
}
