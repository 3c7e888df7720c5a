//! Starts of a function's processes are independent of their callers.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use crate::support::{DataFolder, Sandbox, Serve, eventually, function, turn};

/// Takes longer to start than its timeout.
const SLOW_TO_START: &str = r#"import { define } from "@jelou/functions";

await new Promise((resolve) => setTimeout(resolve, 1000));

export default define({
  description: "Slow to start",
  config: { timeout: 200 },
  handler: () => "started",
});
"#;

#[test]
fn one_goes_on_when_its_caller_has_gone() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let token = sandbox.deploy("mi-funcion", SLOW_TO_START);
    let call = || server.request("mi-funcion").token(&token).send();
    assert_eq!(call().status, 504);
    let started = eventually("the answer of a function that is slow to start", || {
        let reply = call();
        (reply.status != 504).then_some(reply)
    });
    assert_eq!((started.status, &*started.body), (200, "\"started\""));
    // All callers shared one start.
    let log = server.data.log();
    assert!(!log.contains("in a row"), "{log}");
    assert_eq!(log.matches("the function's process ended").count(), 0);
}

#[test]
fn the_next_call_after_an_end_gets_another_process() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox).start();
    let ends = "({ end }: { end: boolean }) => { for (const all = []; end;) all.push(new Array(1e5).fill(.5)); return 1; }";
    let token = sandbox.deploy("mi-funcion", &function(ends));
    let call = |body: &str| server.call("mi-funcion", Some(&token), body).0;
    // More crashes in a row would cause pauses.
    for _ in 0..3 {
        assert_eq!(call(r#"{"end":true}"#), 500);
        assert_eq!(call("{}"), 200);
    }
}

/// The import takes five seconds of CPU time. The loop excludes longer pauses, because other processes ran in them.
const MUCH_TO_IMPORT: &str = r#"import { define } from "@jelou/functions";

console.log("begins to import");
for (let used = 0, last = performance.now(); used < 5000;) {
  const now = performance.now();
  if (now - last < 1) used += now - last;
  last = now;
}

export default define({
  description: "Much to import",
  config: { timeout: 120000 },
  handler: () => "imported",
});
"#;

#[test]
fn time_that_others_took_is_not_held_against_an_import() {
    let _turn = turn();
    let sandbox = Sandbox::new();
    let timeout = Duration::from_secs(8);
    let server = Serve::new(&sandbox)
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "8000")
        .env("JELOU_LIMITS__BLANK_WORKERS", "0")
        .env("JELOU_LIMITS__MAX_BLANK_WORKERS", "0")
        .start();
    let token = sandbox.deploy("mi-funcion", MUCH_TO_IMPORT);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| server.call("mi-funcion", Some(&token), "{}"));
        let process = eventually("an import that has begun", || {
            let begun = server.data.log().contains("begins to import");
            begun.then(|| server.data.workers().pop()).flatten()
        });
        // Pins the process to one core, where another thread competes with it for longer than the import may take.
        let mut core = CpuSet::new();
        core.set(sched_getcpu());
        let process = Pid::from_raw(process.id.try_into().unwrap());
        sched_setaffinity(process, &core).unwrap();
        scope.spawn(move || {
            sched_setaffinity(None, &core).unwrap();
            let began = Instant::now();
            while began.elapsed() < timeout + Duration::from_secs(1) {
                std::hint::spin_loop();
            }
        });
        assert_eq!(call.join().unwrap(), (200, "\"imported\"".to_owned()));
    });
}

/// The files of Deno's code cache for a deployed bundle.
fn compiled(data: &DataFolder) -> Vec<PathBuf> {
    let files = fs_err::read_dir(data.path().join("artifacts")).unwrap();
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "compiled"))
        .collect()
}

/// A function of more than 64 KB, which counts its imports in a process.
fn large() -> String {
    let mut source = function("() => [unused1(), imports.imports]");
    source.push_str("const imports = globalThis as { imports?: number };\n");
    source.push_str("imports.imports = (imports.imports ?? 0) + 1;\n");
    for number in 0..2000 {
        let _ = writeln!(
            source,
            "export function unused{number}() {{ return {number}; }}"
        );
    }
    source
}

#[test]
fn a_large_bundle_is_compiled_once_for_all_its_processes() {
    let sandbox = Sandbox::new();
    let mut server = Serve::new(&sandbox).start();
    let small = sandbox.deploy("small", &function("() => 1"));
    assert_eq!(server.call("small", Some(&small), "{}").0, 200);
    assert_eq!(compiled(&server.data), Vec::<PathBuf>::new());
    let token = sandbox.deploy("mi-funcion", &large());
    let file = compiled(&server.data)
        .pop()
        .expect("compiled by the deploy");
    // Compiling does not run the bundle.
    let once = (200, "[1,1]".to_owned());
    assert_eq!(server.call("mi-funcion", Some(&token), "{}"), once);

    // If the file is missing or damaged, the function starts, and is compiled for the next start.
    let lose: [fn(&Path); 2] = [
        |file| fs_err::remove_file(file).unwrap(),
        |file| fs_err::write(file, "something else").unwrap(),
    ];
    for lose in lose {
        let data = server.stop();
        lose(&file);
        server = Serve::new(&sandbox).on(&data).start();
        assert_eq!(server.call("mi-funcion", Some(&token), "{}"), once);
        eventually("the bundle to be compiled again", || {
            (fs_err::read(&file).ok()?.len() > 1000).then_some(())
        });
    }
}

/// Prints a version like Deno, and never listens.
const HANGING_ENGINE: &str = "#!/bin/sh
if [ \"$1\" = --version ]; then echo 'deno 2.0.0'; else exec sleep 1000; fi
";

#[test]
fn an_engine_that_does_not_come_up_is_not_the_functions_fault() {
    let sandbox = Sandbox::new();
    let engine = sandbox.home().join("deno");
    fs_err::write(&engine, HANGING_ENGINE).unwrap();
    fs_err::set_permissions(&engine, Permissions::from_mode(0o755)).unwrap();
    let server = Serve::new(&sandbox)
        .env("JELOU_DENO", engine.to_str().unwrap())
        // The sandbox lets a process execute only Deno, so the shell script needs it off.
        .env("JELOU_SANDBOX__MODE", "off")
        .env("JELOU_LIMITS__STARTUP_TIMEOUT_MS", "1000")
        .start();
    sandbox.function("mi-funcion", &function("() => 1"));
    let deployed = sandbox.jelou("deploy mi-funcion -y --json").run();
    let code = deployed.json()["error"]["code"].clone();
    assert_eq!(code, "TRANSIENT_ERROR", "{deployed}");
    let log = server.data.log();
    let reason = "the engine's process was not ready within 1000 ms (limits.startup_timeout_ms, a server setting)";
    assert!(log.contains(reason), "{log}");
    assert!(!log.contains("the module did not finish"), "{log}");
}
