//! `jelou limits`: limits of one function, and the errors that name them.

use serde_json::{Value, json};

use crate::support::{Sandbox, Serve, Server, eventually, function};

fn jelou(sandbox: &Sandbox, line: &str) -> Value {
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome.json()["data"].clone()
}

fn limit<'a>(limits: &'a Value, name: &str) -> &'a Value {
    let found = limits
        .as_array()
        .unwrap()
        .iter()
        .find(|limit| limit["name"] == name);
    found.unwrap()
}

#[test]
fn a_function_has_limits_of_its_own_until_they_are_unset() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("mi-funcion", &function("() => 1"));
    let line = "limits set mi-funcion max_memory_mib=512 max_concurrent_requests=20";
    let limits = jelou(&sandbox, line);
    let expected = json!({ "name": "max_memory_mib", "value": 512, "setFor": "function" });
    assert_eq!(limit(&limits, "max_memory_mib"), &expected);
    assert_eq!(limit(&limits, "stall_timeout_ms")["setFor"], "server");

    let data = server.stop();
    let _server = Serve::new(&sandbox).on(&data).start();
    let limits = jelou(&sandbox, "limits show mi-funcion");
    assert_eq!(limit(&limits, "max_concurrent_requests")["value"], 20);
    let limits = jelou(&sandbox, "limits unset mi-funcion max_memory_mib");
    let expected = json!({ "name": "max_memory_mib", "value": 256, "setFor": "server" });
    assert_eq!(limit(&limits, "max_memory_mib"), &expected);
    let audit = jelou(&sandbox, "audit --limit 3");
    let actions: Vec<_> = (0..3).map(|entry| audit[entry]["action"].clone()).collect();
    assert_eq!(actions, ["limit.unset", "limit.set", "limit.set"]);

    for (line, code, reason) in [
        (
            "limits set mi-funcion max_hops=1",
            2,
            "is not a limit of a function",
        ),
        (
            "limits set mi-funcion max_memory_mib=much",
            2,
            "whole number",
        ),
        (
            "limits set mi-funcion max_heap_mib=8",
            7,
            "must be at least 16",
        ),
        (
            "limits set mi-funcion max_heap_mib=300",
            7,
            "over `limits.max_memory_mib`, 256",
        ),
        (
            "limits set mi-funcion max_memory_mib=99999999",
            7,
            "limits.max_workers_memory_mib",
        ),
        (
            "limits set mi-funcion max_body_bytes=99999999",
            7,
            "80 % of `limits.max_heap_mib`, 128. Lower `limits.max_body_bytes` to 10695475, or raise \
             `limits.max_heap_mib` to 1193; `limits.max_heap_mib` is a server setting",
        ),
        (
            "limits set mi-funcion max_heap_mib=64",
            7,
            "`limits.max_body_bytes` is 10485760, and a body",
        ),
        (
            "limits set mi-funcion max_heap_mib=64",
            7,
            "`limits.max_body_bytes` is a server setting",
        ),
        (
            "limits set mi-funcion max_heap_mib=400",
            7,
            "`limits.max_heap_mib` is 400, which is over `limits.max_memory_mib`, 256; `limits.max_memory_mib` is a server setting",
        ),
        (
            "limits set mi-funcion max_memory_mib=100",
            7,
            "`limits.max_heap_mib` is 128, which is over `limits.max_memory_mib`, 100; `limits.max_heap_mib` is a server setting",
        ),
        (
            "limits unset mi-funcion max_memory_mib",
            4,
            "max_memory_mib",
        ),
        ("limits set mi-funcion", 2, "no limit is given"),
    ] {
        let outcome = sandbox.jelou(line).run();
        assert_eq!(outcome.code, code, "{line}: {outcome}");
        let told = outcome.to_string();
        assert!(told.contains(reason), "{line}: {outcome}");
        // The user has neither set nor mentioned this limit.
        assert!(!told.contains("max_body_memory_mib"), "{line}: {outcome}");
    }
}

#[test]
fn errors_name_the_limit_and_whose_it_is() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "async ({ fill, block, wait }) => {
            const kept = [];
            for (let mib = 0; mib < (fill ?? 0); mib++) kept.push(new Uint8Array(1024 * 1024).fill(1));
            for (const end = Date.now() + (block ?? 0); Date.now() < end;);
            await new Promise((done) => setTimeout(done, wait ?? 0));
            return kept.length;
        }",
    );
    let tokens = ["una", "otra"].map(|slug| sandbox.deploy(slug, &source));
    let call = |function: usize, body: &Value| {
        let slug = ["una", "otra"][function];
        server.call(slug, Some(&tokens[function]), &body.to_string())
    };
    let logged = |wanted: &str| {
        eventually(wanted, || server.data.log().contains(wanted).then_some(()));
    };

    // One function gets a higher memory limit than the server's, the other a lower one.
    let fill = json!({ "fill": 300 });
    assert_eq!(call(1, &fill).0, 500);
    logged("limits.max_memory_mib = 256, a server setting");
    jelou(&sandbox, "limits set una max_memory_mib=600");
    assert_eq!(call(0, &fill), (200, "300".to_owned()));
    jelou(
        &sandbox,
        "limits set otra max_memory_mib=150 max_heap_mib=64 max_body_bytes=5000",
    );
    assert_eq!(call(1, &json!({ "fill": 200 })).0, 500);
    logged("limits.max_memory_mib = 150, set for this function");

    let long = json!({ "text": "x".repeat(6000) });
    assert_eq!(call(1, &long).0, 413);
    logged("over limits.max_body_bytes = 5000, set for this function");
    assert_eq!(call(0, &long).0, 200);

    jelou(
        &sandbox,
        "limits set una stall_timeout_ms=700 request_timeout_ms=400",
    );
    assert_eq!(call(0, &json!({ "wait": 5000 })).0, 504);
    logged("limits.request_timeout_ms = 400, set for this function");
    jelou(&sandbox, "limits unset una request_timeout_ms");
    assert_eq!(call(0, &json!({ "block": 20_000 })).0, 500);
    logged("limits.stall_timeout_ms = 700, set for this function");

    jelou(
        &sandbox,
        "limits set una max_concurrent_requests=1 max_queued_requests=0 max_processes_per_function=1",
    );
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| call(0, &json!({ "wait": 1500 })).0))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(
        statuses.contains(&200) && statuses.contains(&503),
        "{statuses:?}"
    );
    logged("limits.max_concurrent_requests = 1, set for this function");
}
