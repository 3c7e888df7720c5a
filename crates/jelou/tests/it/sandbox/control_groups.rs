//! The control groups of a server's processes, read from the system.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::server_with;
use crate::support::{Sandbox, Server, eventually, function, turn};

/// The folders of the process's control groups that belong to a server.
fn groups_of(process: u32) -> Vec<PathBuf> {
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    groups
        .lines()
        .filter(|line| line.contains("/jelou-"))
        .filter_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let hierarchy = Path::new("/sys/fs/cgroup").join(controllers);
            Some(hierarchy.join(path.trim_start_matches('/')))
        })
        .collect()
}

/// The path and content of a setting in one of the groups. `names` are the file's names in versions 1 and 2.
fn setting(groups: &[PathBuf], names: &[&str]) -> (PathBuf, String) {
    let mut files = groups
        .iter()
        .flat_map(|group| names.iter().map(|name| group.join(name)));
    let file = files.find(|file| file.exists()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    (file, text.trim().to_owned())
}

const MEMORY: [&str; 2] = ["memory.max", "memory.limit_in_bytes"];

#[test]
fn each_process_has_one() {
    let sandbox = Sandbox::new();
    let Some(server) = server_with("cgroup", &sandbox, None, &[]) else {
        return;
    };
    let source = "import { define } from '@jelou/functions';\n\
                  export default define({ description: 'Fills', handler: ({ fill }: { fill: boolean }) => {\n\
                  const all = [];\n\
                  while (fill) all.push(new Uint8Array(1_000_000).fill(1));\n\
                  return import.meta.dirname;\n\
                  } });\n";
    let token = sandbox.deploy("mi-funcion", source);
    let (status, socket) = server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(status, 200, "{socket}");
    let socket: String = serde_json::from_str(&socket).unwrap();
    let workers = server.data.workers();
    let worker = workers
        .iter()
        .find(|worker| worker.command_line.contains(&socket))
        .unwrap();
    let groups = groups_of(worker.id);
    assert!(!groups.is_empty());
    assert_eq!(setting(&groups, &["pids.max"]).1, "128");
    let (memory, limit) = setting(&groups, &MEMORY);
    assert_eq!(limit, (288_u64 << 20).to_string());
    let weight = setting(&groups, &["cpu.weight", "cpu.shares"]).1;
    assert!(["100", "256"].contains(&&*weight), "{weight}");
    // Every process has a separate group, and the server is in none of them.
    for other in workers.iter().filter(|other| other.id != worker.id) {
        let others = groups_of(other.id);
        assert!(others.iter().all(|group| !groups.contains(group)));
    }

    // If the kernel is the first to detect the lack of memory, the log still names the limit.
    std::fs::write(memory, (64 << 20).to_string()).unwrap();
    let (status, _) = server.call("mi-funcion", Some(&token), r#"{"fill":true}"#);
    assert_eq!(status, 500);
    let line = eventually("a line about the limit", || {
        let log = server.data.log();
        log.lines()
            .find(|line| line.contains("limits.max_memory_mib"))
            .map(str::to_owned)
    });
    assert!(
        line.contains("SIGKILL): memory is over the limit of 256 MiB (limits.max_memory_mib = 256, a server setting)"),
        "{line}"
    );
    eventually("the end of its groups", || {
        groups.iter().all(|group| !group.exists()).then_some(())
    });
}

/// Whether the groups have idle priority. Returns `None` if the kernel has no `cpu.idle` (before Linux 5.15).
fn is_idle(groups: &[PathBuf]) -> Option<bool> {
    let files = groups.iter().map(|group| group.join("cpu.idle"));
    let mut text = files.filter_map(|file| std::fs::read_to_string(file).ok());
    text.next().map(|text| text.trim() == "1")
}

#[test]
fn who_is_not_waited_for_or_has_crashed_takes_what_others_leave() {
    let _turn = turn();
    let sandbox = Sandbox::new();
    // With this startup timeout, no start gets its full CPU share during the test: it would after 75 seconds.
    let unhurried = [("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "600000")];
    let Some(server) = server_with("cgroup", &sandbox, None, &unhurried) else {
        return;
    };
    let blank = eventually("a blank process", || server.data.workers().pop());
    if is_idle(&groups_of(blank.id)).is_none() {
        return eprintln!("skipped: no cpu.idle");
    }
    // The server waits for its first process, which therefore has its full share. Later blank processes start with idle
    // priority.
    eventually("a blank process that takes what others leave", || {
        let mut workers = server.data.workers().into_iter();
        workers.find(|blank| is_idle(&groups_of(blank.id)) == Some(true))
    });

    let body = "({ crash }: { crash: boolean }) => { for (const all = []; crash;) all.push(new Array(1e5).fill(.5)); return import.meta.dirname; }";
    let source = function(body);
    let token = sandbox.deploy("mi-funcion", &source);
    let groups_of_answer = || {
        let (status, socket) = server.call("mi-funcion", Some(&token), "{}");
        assert_eq!(status, 200, "{socket}");
        let socket: String = serde_json::from_str(&socket).unwrap();
        let mut workers = server.data.workers().into_iter();
        let worker = workers.find(|worker| worker.command_line.contains(&socket));
        groups_of(worker.unwrap().id)
    };
    assert_eq!(is_idle(&groups_of_answer()), Some(false));
    // The probation may end before the test reads the setting.
    let groups = eventually("a process on probation", || {
        // More crashes in a row would cause pauses. A new deployment resets their count.
        sandbox.deploy("mi-funcion", &source);
        let (status, _) = server.call("mi-funcion", Some(&token), r#"{"crash":true}"#);
        assert_eq!(status, 500);
        let groups = groups_of_answer();
        (is_idle(&groups) == Some(true)).then_some(groups)
    });
    eventually("the end of the probation", || {
        (is_idle(&groups) == Some(false)).then_some(())
    });
}

/// Reads the groups of a process whose import does not end, if the kernel has `cpu.idle`.
fn while_it_imports(startup_timeout_ms: &str, import: &str, look: impl FnOnce(&[PathBuf])) {
    let _turn = turn();
    let sandbox = Sandbox::new();
    let alone = [
        ("JELOU_LIMITS__BLANK_WORKERS", "0"),
        ("JELOU_LIMITS__MAX_BLANK_WORKERS", "0"),
        ("JELOU_LIMITS__STARTUP_TIMEOUT_MS", startup_timeout_ms),
    ];
    let Some(server) = server_with("cgroup", &sandbox, None, &alone) else {
        return;
    };
    let source = format!(
        "import {{ define }} from '@jelou/functions';\n\
         const net = await Deno.permissions.query({{ name: 'net', host: 'example.com:443' }});\n\
         if (net.state === 'granted') {{ {import} }}\n\
         export default define({{ description: 'Imports', config: {{ timeout: 120000 }}, handler: () => 1 }});\n"
    );
    let token = sandbox.deploy("mi-funcion", &source);
    eventually("the end of the process that looked at the function", || {
        server.data.workers().is_empty().then_some(())
    });
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("mi-funcion", Some(&token), "{}"));
        let process = eventually("the function's process", || server.data.workers().pop());
        let groups = groups_of(process.id);
        if is_idle(&groups).is_some() {
            look(&groups);
        }
        let process = Pid::from_raw(process.id.try_into().unwrap()).unwrap();
        kill_process(process, Signal::KILL).unwrap();
        assert_eq!(call.join().unwrap().0, 500);
    });
}

#[test]
fn an_import_that_never_ends_takes_what_others_leave() {
    while_it_imports("20000", "while (true);", |groups| {
        eventually("a process that takes what others leave", || {
            (is_idle(groups) == Some(true)).then_some(())
        });
    });
}

#[test]
fn an_import_that_runs_again_has_its_own_share_again() {
    // The import takes two seconds of CPU time. The loop excludes longer pauses, because other processes ran in them.
    let import = "for (let used = 0, last = performance.now(); used < 2000;) {\n\
                  const now = performance.now();\n\
                  if (now - last < 1) used += now - last;\n\
                  last = now;\n\
                  }\n\
                  await new Promise((resolve) => setTimeout(resolve, 600000));\n";
    // With this startup timeout, no start gets its full CPU share during the test: it would after 75 seconds.
    while_it_imports("600000", import, |groups| {
        eventually("a process that takes what others leave", || {
            (is_idle(groups) == Some(true)).then_some(())
        });
        eventually("a process that has its own share again", || {
            (is_idle(groups) == Some(false)).then_some(())
        });
    });
}

/// Whether the group has no process or does not exist.
fn is_empty(group: &Path) -> bool {
    std::fs::read_to_string(group.join("cgroup.procs")).is_ok_and(|processes| processes.is_empty())
        || !group.exists()
}

#[test]
fn none_is_left_behind() {
    let sandbox = Sandbox::new();
    let Some(server) = server_with("cgroup", &sandbox, None, &[]) else {
        return;
    };
    let of_blank = |server: &Server| -> Vec<PathBuf> {
        let blank = eventually("a blank process", || server.data.workers().pop());
        groups_of(blank.id)
    };
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let killed = of_blank(&server);
    assert!(!killed.is_empty());
    let data = server.kill();
    eventually("the end of the processes in its groups", || {
        killed.iter().all(|group| is_empty(group)).then_some(())
    });
    let mut server = server_with("cgroup", &sandbox, Some(&data), &[]).unwrap();
    assert!(killed.iter().all(|group| !group.exists()));
    // A server waits only a limited time for the end of a process, and then logs a warning. On a slow machine, the test
    // tries again with another server.
    let said = "cannot remove the control groups of all functions";
    for more in (0..5).rev() {
        let stopped = of_blank(&server);
        let data = server.stop();
        if stopped.iter().all(|group| !group.exists()) {
            return;
        }
        assert!(more > 0 && data.log().contains(said), "{stopped:?}");
        server = server_with("cgroup", &sandbox, Some(&data), &[]).unwrap();
    }
}
