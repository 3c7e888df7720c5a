//! On a full disk, changes are refused as a whole, and calls to functions still work.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustix::process::geteuid;

use crate::support::{DataFolder, Sandbox, Serve, assert_live_outcome, function};

/// A small file system that is mounted as the data folder.
struct SmallDisk(Arc<DataFolder>);

impl SmallDisk {
    /// Returns `None` if mounting is not permitted.
    fn mount() -> Option<Self> {
        let data = Arc::new(DataFolder::without_engine());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m,mode=0711", "jelou-test"])
            .arg(data.path())
            .output()
            .unwrap();
        mounted.status.success().then(|| {
            std::os::unix::fs::symlink(
                crate::support::fetched_engine().canonicalize().unwrap(),
                data.path().join("engine"),
            )
            .unwrap();
            Self(data)
        })
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }

    fn fill(&self) {
        let error = fill(&self.filler()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    fn clear(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking());
    }
}

fn fill(path: &Path) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(path)?;
    loop {
        file.write_all(&[0; 4096])?;
    }
}

#[test]
fn a_full_disk() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: mounting is not permitted here");
        return;
    };
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).on(&disk.0).start();
    let live = function("() => 'live'");
    let token = sandbox.deploy("mi-funcion", &live);
    let cold = sandbox.deploy("fria", &live);
    let answer = (200, "\"live\"".to_owned());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), answer);

    disk.fill();
    sandbox.function("mi-funcion", &function("() => 'new'"));
    assert_live_outcome!(sandbox.jelou("deploy mi-funcion -y").run());
    assert_live_outcome!(sandbox.jelou("tokens create mi-funcion --name a").run());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), answer);
    let list = sandbox.jelou("tokens list mi-funcion").run();
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 1, "{list}");

    disk.clear();
    assert_eq!(server.call("fria", Some(&cold), "{}"), answer);
    sandbox.deploy("mi-funcion", &function("() => 'new'"));
    assert_eq!(
        server.call("mi-funcion", Some(&token), "{}"),
        (200, "\"new\"".to_owned())
    );
    let created = sandbox.jelou("tokens create mi-funcion --name a").run();
    assert_eq!(created.code, 0, "{created}");
    server.stop();
}
