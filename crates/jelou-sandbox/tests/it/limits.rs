//! Tests each limit of a process alone: a Deno process with all permissions of Deno runs inside no other layer.

use jelou_sandbox::Layer;

use crate::support::{Place, Run, has};

const MIB: u64 = 1024 * 1024;

/// Allocates up to 300 MB outside V8's heap limit, and prints how many blocks succeeded.
const FILL: &str = "let count = 0; const all = [];
    try { for (; count < 30; count++) all.push(new Uint8Array(10_000_000).fill(1)); } catch {}
    console.log(count);";

#[tokio::test]
async fn the_limit_of_data_alone() {
    let place = Place::new();
    let mut run = Run::new(&place, &[]);
    let size = "console.log(Number(/VmData:\\s+(\\d+)/.exec(Deno.readTextFileSync('/proc/self/status'))[1]))";
    let baseline = run.eval(size).await.unwrap().as_u64().unwrap() * 1024;
    assert_eq!(run.eval(FILL).await.unwrap(), 30);
    run.max_data_bytes = Some(baseline + 128 * MIB);
    match run.eval(FILL).await {
        Ok(count) => assert!(count.as_u64().unwrap() < 15, "{count}"),
        Err(ended) => assert!(ended.contains("signal"), "{ended}"),
    }
}

#[tokio::test]
async fn the_other_limits_alone() {
    let place = Place::new();
    let mut run = Run::new(&place, &[]);
    run.limits.max_open_files = 100;
    let files = "const all = [];
        try { for (; all.length < 200;) all.push(Deno.openSync('/dev/null')); } catch {}
        console.log(all.length);";
    let files = run.eval(files).await.unwrap().as_u64().unwrap();
    assert!((50..100).contains(&files), "{files}");

    // Checks core dumps and set-user-id programs (`proc_pid_status(5)`).
    let state = "const of = (file, pattern) => pattern.exec(Deno.readTextFileSync(`/proc/self/${file}`))[1];
        console.log(JSON.stringify([
          of('limits', /Max core file size +(\\S+) +1 /),
          of('status', /NoNewPrivs:\\s+(\\d)/),
        ]));";
    assert_eq!(
        run.eval(state).await.unwrap(),
        serde_json::json!(["1", "1"])
    );

    let size = |mib: u64| {
        format!(
            "const file = Deno.openSync('large', {{ write: true, create: true }});
            const bytes = new Uint8Array({MIB});
            for (let written = 0; written < {mib} * {MIB};) written += file.writeSync(bytes);
            console.log(file.statSync().size / {MIB});"
        )
    };
    assert_eq!(run.eval(&size(64)).await.unwrap(), 64);
    let ended = run.eval(&size(65)).await.unwrap_err();
    assert!(ended.starts_with("signal: 25 (SIGXFSZ)"), "{ended}");
}

#[tokio::test]
async fn control_groups_alone() {
    if !has(Layer::Cgroup) {
        return;
    }
    let place = Place::new();
    let mut run = Run::new(&place, &[Layer::Cgroup]);
    run.limits.max_memory_mib = 128;
    let ended = run.eval(FILL).await.unwrap_err();
    assert!(
        ended.starts_with("signal: 9 (SIGKILL), out of memory"),
        "{ended}"
    );
}

#[tokio::test]
async fn the_limits_of_threads_alone() {
    let place = Place::new();
    let code = "const all = [];
        try {
          for (; all.length < 60;) {
            const thread = new Worker('data:text/javascript,postMessage(1)', { type: 'module' });
            all.push(await new Promise((done, failed) => (thread.onmessage = done, thread.onerror = failed)));
          }
        } catch {}
        console.log(JSON.stringify(all.length));
        Deno.exit(0);";
    assert_eq!(Run::new(&place, &[]).eval(code).await.unwrap(), 60);
    // Both the control group and `RLIMIT_NPROC` limit threads. `RLIMIT_NPROC` counts the threads of a user id.
    for layer in [Layer::Cgroup, Layer::User] {
        if !has(layer) {
            continue;
        }
        let layers = [layer];
        let mut run = Run::new(&place, &layers);
        run.limits.max_threads = 40;
        match run.eval(code).await {
            Ok(threads) => assert!(threads.as_u64().unwrap() < 40, "{layer:?}: {threads}"),
            // Deno panics when a thread cannot be started. Its message depends on which thread that was.
            Err(ended) => assert!(
                [
                    "Resource temporarily unavailable",
                    "unable to create worker threads"
                ]
                .iter()
                .any(|reason| ended.contains(reason)),
                "{layer:?}: {ended}"
            ),
        }
    }
}
