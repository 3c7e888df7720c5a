//! `mysql2` with `MariaDB`.

use serde_json::json;

use super::Stage;
use crate::support::daemon::{Daemon, command, folder, free_port, give, program, run};

fn start(port: u16) -> Daemon {
    let folder = folder();
    let data = folder.path().join("data");
    let mut install = command(&program("mariadb-install-db", &["/usr/bin"]), folder.path());
    run(install
        .args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ])
        .arg(format!("--datadir={}", data.display())));
    let init = folder.path().join("init.sql");
    std::fs::write(
        &init,
        "CREATE DATABASE tienda;\nCREATE USER 'ana'@'%' IDENTIFIED BY 'secreto';\n\
         GRANT ALL ON tienda.* TO 'ana'@'%';\n",
    )
    .unwrap();
    give(&init);
    let mut server = command(&program("mariadbd", &["/usr/sbin"]), folder.path());
    server
        .args(["--no-defaults", "--bind-address=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", folder.path().join("s").display()))
        .arg(format!("--init-file={}", init.display()))
        .arg("--innodb-flush-log-at-trx-commit=0");
    Daemon::start(&mut server, port, folder)
}

const CLIENTS: &str = r#"
import mysql from "mysql2/promise";
const pool = mysql.createPool({ uri: process.env.MYSQL_URL, connectionLimit: 2 });
"#;

const HANDLER: &str = r#"async ({ n }) => {
  const [[row]] = await pool.execute("select ? + 1 as next, connection_id() as id", [n]);
  await pool.query("create table if not exists notas (texto varchar(50)) character set utf8mb4");
  await pool.execute("insert into notas values (?)", ["ñandú €"]);
  const [notas] = await pool.query("select texto from notas limit 1");
  return { next: Number(row.next), id: row.id, texto: notas[0].texto };
}"#;

#[test]
fn a_pool_of_mysql2_survives_between_calls() {
    let port = free_port();
    let _mariadb = start(port);
    let url = format!("mysql://ana:secreto@127.0.0.1:{port}/tienda");
    let stage = Stage::start(
        &[("mysql2", "3.12.0")],
        &[("MYSQL_URL", &url)],
        CLIENTS,
        HANDLER,
    );
    stage.jelou(&format!("egress allow clientes 127.0.0.1:{port}"));
    let first = stage.call(&json!({ "n": 41 }));
    assert_eq!(
        (&first["next"], &first["texto"]),
        (&json!(42), &json!("ñandú €"))
    );
    // The pool has two connections, and uses them in turn.
    let ids: std::collections::BTreeSet<_> = (0..10)
        .map(|n| stage.call(&json!({ "n": n }))["id"].to_string())
        .collect();
    assert!(ids.len() <= 2, "{ids:?}");
}
