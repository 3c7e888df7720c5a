//! Runs the tests again on PostgreSQL: starts a server in a temporary folder, then this program with its URL.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jelou_core::Clock;
use jelou_store::{Location, Store, StoreConfig, Vault};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use sqlx::{AnyConnection, Connection};

use crate::fixture::{Fixture, POSTGRES, on_postgres};

/// The user `nobody`, because PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

struct Postgres {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Postgres {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let initialised = command("initdb", &folder)
            .args([
                "--username=jelou",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
                "-D",
                "data",
            ])
            .output()
            .unwrap();
        assert!(initialised.status.success(), "{initialised:?}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let log = std::fs::File::create(folder.path().join("server.log")).unwrap();
        let process = command("postgres", &folder)
            .args(["-D", "data", "-h", "127.0.0.1", "-k", "", "-F", "-N", "300"])
            .args(["-p", &port.to_string()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self {
            process,
            port,
            folder,
        };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let mut ready = command("pg_isready", &self.folder);
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if ready.status().unwrap().success() {
                return;
            }
            let ended = self.process.try_wait().unwrap();
            let log = std::fs::read_to_string(self.folder.path().join("server.log"));
            assert!(ended.is_none() && Instant::now() < deadline, "{log:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At this signal, PostgreSQL also ends its other processes, which would survive SIGKILL.
        let id = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        let _ = kill_process(id.unwrap(), Signal::QUIT);
        let _ = self.process.wait();
    }
}

/// Returns a command for a program of the newest installed PostgreSQL, as an unprivileged user.
fn command(program: &str, folder: &tempfile::TempDir) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest: Option<PathBuf> = versions.flatten().map(|version| version.path()).max();
    let newest = newest.unwrap_or_else(|| panic!("PostgreSQL is missing: run scripts/setup.sh"));
    let mut command = Command::new(newest.join("bin").join(program));
    command
        .current_dir(folder.path())
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The names of the tables and columns of a database, except the driver's.
async fn columns(connection: &mut AnyConnection, statement: &'static str) -> BTreeSet<String> {
    let names = sqlx::query_scalar::<_, String>(statement).fetch_all(connection);
    let names = names.await.unwrap().into_iter();
    names.filter(|name| !name.starts_with("_sqlx")).collect()
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let fixture = Fixture::new().await;
    if !on_postgres() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jelou.db");
    let vault = Vault::open(&folder.path().join("master.key")).unwrap();
    let config = StoreConfig::new(&path);
    Store::open(&config, vault, Clock::system()).await.unwrap();
    let url = format!("sqlite://{}", path.display());
    let of_sqlite = columns(
        &mut AnyConnection::connect(&url).await.unwrap(),
        "SELECT tables.name || '.' || columns.name FROM sqlite_master tables \
         JOIN pragma_table_info(tables.name) columns WHERE tables.type = 'table'",
    )
    .await;
    let of_postgres = columns(
        &mut fixture.connection().await,
        "SELECT table_name || '.' || column_name FROM information_schema.columns \
         WHERE table_schema = current_schema()",
    )
    .await;
    assert_eq!(of_sqlite, of_postgres);
}

#[tokio::test]
async fn an_error_of_the_connection_names_the_place_and_not_the_password() {
    let Ok(server) = std::env::var(POSTGRES) else {
        return;
    };
    let missing = server.replace("jelou@", "jelou:s3creto@") + "_missing";
    for (url, reason) in [
        (missing, "\"postgres_missing\" does not exist"),
        (
            "postgres://jelou:s3creto@127.0.0.1:1/x".to_owned(),
            "refused",
        ),
    ] {
        let location = Location::Postgres(url.parse().unwrap());
        let vault = Vault::from_master_key(&"0".repeat(64)).unwrap();
        let config = StoreConfig::at(location.clone());
        let opened = Store::open(&config, vault, Clock::system()).await;
        let error = opened.unwrap_err();
        let (_, place) = url.split_once('@').unwrap();
        assert!(error.to_string().contains(place), "{error}");
        let shown = format!("{location:?} {error:?} {}", error.source().unwrap());
        assert!(shown.contains(reason), "{shown}");
        assert!(!shown.contains("s3creto"), "{shown}");
    }
}

/// Such a database would work until the first text that its encoding cannot represent.
#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let Ok(server) = std::env::var(POSTGRES) else {
        return;
    };
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&server).await.unwrap();
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    let created = sqlx::raw_sql(create).execute(&mut connection).await;
    created.unwrap();
    let url = server.replace("/postgres", "/latin");
    let config = StoreConfig::at(Location::Postgres(url.parse().unwrap()));
    let vault = Vault::from_master_key(&"0".repeat(64)).unwrap();
    let error = Store::open(&config, vault, Clock::system()).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("LATIN1") && error.contains("--encoding UTF8"),
        "{error}"
    );
}

/// Such a listener would never receive a notification, and changes would arrive late.
#[tokio::test]
async fn a_listener_of_another_database_is_refused() {
    let Ok(server) = std::env::var(POSTGRES) else {
        return;
    };
    let fixture = Fixture::new().await;
    fixture.execute("CREATE DATABASE elsewhere").await;
    let Location::Postgres(url) = fixture.config().location else {
        panic!("a test for PostgreSQL");
    };
    let listens = async |listen: &str| {
        let config = StoreConfig::at(Location::Pooler {
            url: url.clone(),
            listen: Some(listen.parse().unwrap()),
        });
        let vault = Vault::open(&fixture.key_file()).unwrap();
        let store = Store::open(&config, vault, Clock::system()).await.unwrap();
        store.listen().await
    };
    let error = listens(&server.replace("/postgres", "/elsewhere")).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`database.listen_url` must lead to"),
        "{error}"
    );
    // The address of the same database, written in another way.
    let same = server.replace("127.0.0.1", "localhost");
    assert!(listens(&same).await.unwrap().is_some());
}

#[tokio::test]
async fn lines_are_sorted_by_their_bytes() {
    let fixture = Fixture::new().await;
    let names = ["b", "a-b", "ab", "a0", "a"];
    for name in names {
        fixture.function(name).await;
    }
    let functions = fixture.store.list_functions().await.unwrap().rows;
    let listed: Vec<_> = functions
        .iter()
        .map(|function| function.record.slug.as_str())
        .collect();
    assert_eq!(listed, ["a", "a-b", "a0", "ab", "b"]);
}

#[test]
fn the_suite_passes_on_postgresql() {
    if on_postgres() {
        return;
    }
    let server = Postgres::start();
    let url = format!("postgres://jelou@127.0.0.1:{}/postgres", server.port);
    let suite = Command::new(std::env::current_exe().unwrap())
        .env(POSTGRES, url)
        .output()
        .unwrap();
    assert!(
        suite.status.success(),
        "{}{}",
        String::from_utf8_lossy(&suite.stdout),
        String::from_utf8_lossy(&suite.stderr)
    );
}
