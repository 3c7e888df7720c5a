//! Starts processes from a server whose file descriptors below the program's number are all in use.

use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use jelou_sandbox::Layer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::support::{Place, Run, has};

/// The environment variable of a process that runs only this test.
const ALONE: &str = "JELOU_TEST_ALONE";
const NAME: &str = "descriptors::a_process_starts_with_any_next_free_descriptor";
/// The number of the program's file descriptor in every new process.
const PROGRAM_FD: i32 = 900;
/// A number of file descriptors that is larger than the number that one start needs.
const NEARBY: i32 = 16;

#[tokio::test]
async fn a_process_starts_with_any_next_free_descriptor() {
    if !has(Layer::Seccomp) {
        return;
    }
    if std::env::var_os(ALONE).is_none() {
        // Runs the test in a process of its own, because the other tests in this process also open file descriptors.
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let status = alone
            .args(["--exact", NAME, "--nocapture"])
            .env(ALONE, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let place = Place::new();
    let run = Run::new(&place, &[Layer::Landlock, Layer::Seccomp]);
    let starts = async || run.eval("console.log(1)").await;
    assert_eq!(starts().await, Ok(json!(1)));

    let null = fs_err::File::open("/dev/null").unwrap();
    let open = || null.file().try_clone().map(OwnedFd::from).unwrap();
    let mut held = vec![open()];
    while held
        .iter()
        .all(|file| file.as_raw_fd() < PROGRAM_FD - NEARBY)
    {
        held.push(open());
    }
    for _ in 0..2 * NEARBY {
        let last = held.last().map(AsRawFd::as_raw_fd);
        assert_eq!(starts().await, Ok(json!(1)), "behind {last:?}");
        held.push(open());
    }
    assert!(held.iter().any(|file| file.as_raw_fd() > PROGRAM_FD));
}
