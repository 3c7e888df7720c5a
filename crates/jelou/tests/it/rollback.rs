//! Deployments that can be restored, from outside: a real server, and real calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Serve, Server, function, times};

const CALLERS: usize = 4;

fn start() -> (Sandbox, Server) {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    (sandbox, server)
}

fn returning(value: &str) -> String {
    function(&format!("() => new Response(\"{value}\")"))
}

/// Deploys a function of one file, and returns the whole result.
fn deploy(sandbox: &Sandbox, source: &str, flags: &str) -> Outcome {
    sandbox.function("mi-funcion", source);
    sandbox
        .jelou(&format!("deploy mi-funcion -y --json {flags}"))
        .run()
}

/// Deploys, and returns the id of the deployment.
fn deployed(sandbox: &Sandbox, source: &str) -> String {
    let outcome = deploy(sandbox, source, "");
    assert_eq!(outcome.code, 0, "{outcome}");
    text(&outcome.json()["data"]["deploymentId"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn run(sandbox: &Sandbox, line: &str) -> Value {
    let outcome = sandbox.jelou(line).run();
    assert_eq!(outcome.code, 0, "{line}: {outcome}");
    outcome.json()["data"].clone()
}

#[test]
fn deploy_break_and_roll_back() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("good"));
    let good = text(&run(&sandbox, "functions info mi-funcion")["liveDeployment"]);
    let call = || server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(call(), (200, "good".to_owned()));
    let broken = deployed(&sandbox, &function("() => { throw new Error('no') }"));
    assert_eq!(call().0, 500);

    let back = run(&sandbox, "functions rollback mi-funcion -y --reason throws");
    assert_eq!(back["deploymentId"], good);
    assert_eq!(back["replaces"], broken);
    assert_eq!(back["changed"], true);
    assert_eq!(call(), (200, "good".to_owned()));

    let listed = run(&sandbox, "deployments list mi-funcion");
    assert_eq!(listed[0]["id"], broken);
    assert_eq!(listed[0]["health"], "rolledBack");
    assert_eq!(listed[1]["live"], true);
    let end = sandbox.jelou("rollback mi-funcion -y --json").run();
    assert_eq!(end.code, 5, "{end}");
    assert!(
        end.to_string()
            .contains("`jelou rollback mi-funcion DEPLOYMENT_ID` restores"),
        "{end}"
    );

    // A rollback can be rolled back, by the id alone.
    sandbox.file("jelou.json", "{\"function\": \"mi-funcion\"}");
    let again = run(&sandbox, &format!("rollback {broken} -y"));
    assert_eq!(again["replaces"], good);
    assert_eq!(call().0, 500);
    let same = run(&sandbox, &format!("rollback mi-funcion {broken} -y"));
    assert_eq!(same["changed"], false);
    let audit = run(&sandbox, "audit").to_string();
    assert!(audit.contains(": throws"), "{audit}");
}

#[test]
fn calls_that_fail_make_a_deployment_no_default() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("good"));
    let good = text(&run(&sandbox, "functions info mi-funcion")["liveDeployment"]);
    for number in 0..2 {
        deployed(
            &sandbox,
            &function(&format!("() => {{ throw new Error('{number}') }}")),
        );
        let answer = server.call("mi-funcion", Some(&token), "{}");
        assert_eq!(answer.0, 500);
    }
    let back = run(&sandbox, "rollback mi-funcion -y");
    assert_eq!(back["deploymentId"], good);
    let listed = run(&sandbox, "deployments list mi-funcion");
    assert_eq!(listed[1]["health"], "failing");
}

#[test]
fn an_unchanged_tree_is_already_live() {
    let (sandbox, _server) = start();
    let first = deployed(&sandbox, &returning("one"));
    let again = deploy(&sandbox, &returning("one"), "").json()["data"].clone();
    assert_eq!(again["alreadyLive"], true);
    assert_eq!(again["deploymentId"], first);
    let human = sandbox
        .jelou("deploy mi-funcion -y --human")
        .run()
        .to_string();
    assert!(human.contains("Already live"), "{human}");
    let forced = deploy(&sandbox, &returning("one"), "--force").json()["data"].clone();
    assert_eq!(forced["alreadyLive"], false);
    assert_ne!(forced["deploymentId"], first);
    let listed = run(&sandbox, "deployments list mi-funcion");
    assert_eq!(listed.as_array().unwrap().len(), 2);
    // The files of the first deployment are not the live ones any more, so they are built again.
    deployed(&sandbox, &returning("two"));
    let third = deploy(&sandbox, &returning("one"), "").json()["data"].clone();
    assert_eq!(third["alreadyLive"], false);
}

#[test]
fn what_cannot_load_never_goes_live_while_the_function_is_awake() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("good"));
    let call = || server.call("mi-funcion", Some(&token), "{}");
    // The import succeeds during the inspection, but not in a process that serves.
    let fails = format!(
        "if (Deno.permissions.querySync({{ name: \"net\" }}).state === \"granted\") throw new Error(\"no start\");\n{}",
        returning("bad")
    );
    assert_eq!(call().0, 200);
    let refused = deploy(&sandbox, &fails, "");
    assert_eq!(refused.code, 7, "{refused}");
    let error = refused.json()["error"].to_string();
    assert!(
        error.contains("no start") && error.contains("index.ts:1"),
        "{error}"
    );
    assert_eq!(call(), (200, "good".to_owned()));
    let listed = run(&sandbox, "deployments list mi-funcion");
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn a_smoke_call_decides() {
    let (sandbox, server) = start();
    let echo = function(
        "(input) => input.fail ? response.status(418).json({ why: 'teapot' }) : new Response('ok')",
    );
    sandbox.function("mi-funcion", &echo);
    let smoke = |body: &str, status: u16| {
        let script = format!(
            "jelou deploy mi-funcion -y --json --smoke 'GET /__health 200' --smoke 'POST /x {body} {status}'"
        );
        sandbox.shell(&script)
    };
    // The same before the first deployment. Then the function is not created.
    let refused = smoke(r#"{"fail": true}"#, 200);
    assert_eq!(refused.code, 7, "{refused}");
    let error = refused.json()["error"].to_string();
    assert!(
        error.contains("answered with 418") && error.contains("teapot"),
        "{error}"
    );
    assert_eq!(sandbox.jelou("functions info mi-funcion").run().code, 4);

    let first = smoke(r#"{"fail": false}"#, 200);
    assert_eq!(first.code, 0, "{first}");
    let token = text(&first.json()["data"]["token"]);
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "ok");
    sandbox.function("mi-funcion", &returning("new"));
    assert_eq!(smoke("{}", 201).code, 7);
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "ok");
    let nothing = sandbox.shell("jelou deploy mi-funcion -y --json --smoke 'GET 200'");
    assert_eq!(nothing.code, 7, "{nothing}");
}

#[test]
fn changes_that_break_callers_are_named_and_refused() {
    let (sandbox, _server) = start();
    let input = |fields: &str| {
        format!(
            "import {{ define, z }} from \"@jelou/functions\";\nexport default define({{ description: \"A test\", input: z.object({{ {fields} }}), handler: () => 1 }});\n"
        )
    };
    deployed(&sandbox, &input("a: z.string()"));
    let narrower = input("a: z.string().email(), b: z.number()");
    let refused = deploy(&sandbox, &narrower, "--strict");
    assert_eq!(refused.code, 5, "{refused}");
    let error = refused.json()["error"]["message"].to_string();
    assert!(error.contains("input.b: it is required now"), "{error}");
    let warned = deploy(&sandbox, &narrower, "").json()["data"]["breaking"].clone();
    let places: Vec<_> = warned
        .as_array()
        .unwrap()
        .iter()
        .map(|change| text(&change["place"]))
        .collect();
    assert_eq!(places, ["input.b", "input.a"]);
    let wider = deploy(&sandbox, &input("a: z.string().optional()"), "--strict");
    assert_eq!(wider.code, 0, "{wider}");
}

#[test]
fn a_deployment_remembers_its_commit_without_credentials() {
    let (sandbox, _server) = start();
    let git = std::env::var("PATH").unwrap();
    let sandbox = sandbox.env("PATH", &git);
    sandbox.function("mi-funcion", &returning("one"));
    let script = "cd mi-funcion && git init -q -b trunk . && git add -A \
        && git -c user.name=Ana -c user.email=ana@example.com commit -q -m 'Say one' \
        && git remote add origin https://ana:s3cret@git.example.com/a/b.git";
    let made = sandbox.shell(script);
    assert_eq!(made.code, 0, "{made}");
    let binary = sandbox.binary();
    let binary = binary.display();
    let first = sandbox.shell(&format!(
        "{binary} deploy mi-funcion -y --json --tag v1 -m 'First of all' --pin"
    ));
    assert_eq!(first.code, 0, "{first}");
    // The deploy has written the function's id into jelou.json.
    let info = sandbox.shell(&format!("{binary} deployments info mi-funcion --json"));
    let info = info.json()["data"].clone();
    let provenance = &info["provenance"];
    assert_eq!(provenance["branch"], "trunk");
    assert_eq!(provenance["author"], "Ana");
    assert_eq!(provenance["subject"], "Say one");
    assert_eq!(provenance["dirty"], false);
    assert_eq!(provenance["repository"], "https://git.example.com/a/b.git");
    assert_eq!(provenance["commit"].as_str().unwrap().len(), 40);
    assert_eq!(
        (&info["tag"], &info["message"]),
        (&"v1".into(), &"First of all".into())
    );
    assert_eq!(info["pinned"], true);
    assert_eq!(info["tools"][0]["path"], "*");
    assert!(!info.to_string().contains("s3cret"));
}

#[test]
fn download_writes_what_was_uploaded() {
    let (sandbox, _server) = start();
    let first = deployed(&sandbox, &returning("one"));
    deployed(&sandbox, &returning("two"));
    let download = |line: &str| {
        sandbox
            .jelou(&format!("deployments download {line} --json"))
            .run()
    };
    let outcome = download(&format!("mi-funcion {first}"));
    assert_eq!(outcome.code, 0, "{outcome}");
    assert_eq!(sandbox.read(&format!("{first}/index.ts")), returning("one"));
    sandbox.file("out/index.ts", "mine");
    let refused = download("mi-funcion -o out");
    assert_eq!(refused.code, 5, "{refused}");
    assert_eq!(sandbox.read("out/index.ts"), "mine");
    assert_eq!(download("mi-funcion -o out --force").code, 0);
    assert_eq!(sandbox.read("out/index.ts"), returning("two"));
    let listed = sandbox.shell("jelou deployments download mi-funcion -o - | tar -t");
    assert!(listed.to_string().contains("index.ts"), "{listed}");

    let linked = sandbox
        .jelou("init copia --mode link --slug mi-funcion --download")
        .run();
    assert_eq!(linked.code, 0, "{linked}");
    assert_eq!(sandbox.read("copia/index.ts"), returning("two"));
    let unchanged = sandbox.jelou("deploy copia -y --json").run();
    assert_eq!(unchanged.json()["data"]["alreadyLive"], true, "{unchanged}");
}

#[test]
fn the_list_asks_which_one() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("one"));
    deployed(&sandbox, &returning("two"));
    let set = sandbox.jelou("secrets set mi-funcion CLAVE=valor").run();
    assert_eq!(set.code, 0, "{set}");
    let mut terminal = sandbox.jelou("rollback mi-funcion").in_terminal();
    terminal.wait_for("by number or id? (1) ").answer("y");
    terminal
        .wait_for("Type 1, or an id such as dep_...; Enter means 1; Ctrl-C stops")
        .answer("7");
    terminal.wait_for("Type 1, or an id").answer("1");
    terminal.wait_for("CLAVE (set)");
    terminal.wait_for("? (Y/n) ").answer("");
    let outcome = terminal.finish().to_string();
    assert!(outcome.contains("✓ Rolled back to dep_"), "{outcome}");
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "one");
    let refused = sandbox.jelou("rollback mi-funcion --json").run();
    assert_eq!(refused.code, 2, "{refused}");
}

/// For 404, 401 and 403, the server uses the same rules as for every other resource.
#[test]
fn only_who_may_write_rolls_back() {
    let (sandbox, server) = start();
    let id = deployed(&sandbox, &returning("one"));
    let outcome = sandbox
        .jelou("access-tokens create --name reader --scope functions:read --json")
        .run();
    let reader = text(&outcome.json()["data"]["token"]);
    let path = "/v1/functions/mi-funcion";
    let read = |rest: &str| {
        server
            .manage(&reader, "")
            .get(&format!("{path}{rest}"))
            .send()
            .status
    };
    assert_eq!(read(&format!("/deployments/{id}")), 200);
    assert_eq!(read(&format!("/deployments/{id}/source")), 200);
    assert_eq!(read("/deployments/dep_01arz3ndektsv4rrffq69g5fav"), 404);
    assert_eq!(read("/deployments/nonsense"), 422);
    let change = server.manage(&reader, &format!("{path}/rollback")).send();
    assert_eq!(change.status, 403);
    let pin = server
        .manage(&reader, &format!("{path}/deployments/{id}"))
        .method("PATCH");
    assert_eq!(pin.send().status, 403);
}

/// Calls from several threads until `changes` is done. Returns the durations in order.
fn under_load(server: &Server, token: &str, changes: impl FnOnce()) -> Vec<Duration> {
    let done = AtomicBool::new(false);
    let call = || {
        let mut durations = Vec::new();
        while !done.load(Ordering::SeqCst) {
            let begun = Instant::now();
            let reply = server.request("mi-funcion").token(token).send();
            durations.push(begun.elapsed());
            assert_eq!(reply.status, 200, "{reply:?}");
            assert!(["a", "b"].contains(&reply.body.as_str()), "{reply:?}");
        }
        durations
    };
    thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        // Catches a failed change, so that the callers still stop.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(changes));
        done.store(true, Ordering::SeqCst);
        let durations = callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap());
        let mut durations: Vec<_> = durations.collect();
        outcome.unwrap();
        durations.sort();
        durations
    })
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() * 99 / 100]
}

/// The next call after each acknowledged rollback runs the restored code, on a process that was started before.
#[test]
fn flips_lose_no_call_and_start_nothing_afterwards() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("a"));
    let ids = [
        text(&run(&sandbox, "functions info mi-funcion")["liveDeployment"]),
        deployed(&sandbox, &returning("b")),
    ];
    let access_token = server.access_token.clone().unwrap();
    let mut first_answers = Vec::new();
    let count = AtomicUsize::new(0);
    under_load(&server, &token, || {
        for number in 0..times(10, 200) {
            let target = &ids[number % 2];
            let reply = server
                .manage(&access_token, "/v1/functions/mi-funcion/rollback")
                .body(&format!("{{\"deployment\": \"{target}\"}}"))
                .send();
            assert_eq!(reply.status, 200, "{reply:?}");
            let begun = Instant::now();
            let answer = server.call("mi-funcion", Some(&token), "{}");
            first_answers.push(begun.elapsed());
            assert_eq!(answer.1, ["a", "b"][number % 2]);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), times(10, 200));
    first_answers.sort();
    println!(
        "first answers after a rollback: p99 {:?}",
        p99(&first_answers)
    );
    if times(0, 1) == 1 {
        assert!(p99(&first_answers) <= Duration::from_millis(50));
    }
}

/// Calls are as fast through a deploy as without one. The series is long enough for a 99th percentile only in a soak.
#[test]
fn deploys_do_not_slow_calls() {
    let (sandbox, server) = start();
    let token = sandbox.deploy("mi-funcion", &returning("a"));
    let quiet = under_load(&server, &token, || thread::sleep(Duration::from_secs(3)));
    let busy = under_load(&server, &token, || {
        for number in 0..times(2, 10) {
            let source = format!("{}// {number}", returning(["b", "a"][number % 2]));
            deployed(&sandbox, &source);
        }
    });
    println!(
        "p99 of {} calls without a deploy {:?}, of {} calls through deploys {:?}",
        quiet.len(),
        p99(&quiet),
        busy.len(),
        p99(&busy)
    );
    if times(0, 1) == 1 {
        assert!(p99(&busy) <= p99(&quiet).mul_f64(1.5) + Duration::from_millis(1));
    }
}

/// Kills the server at different moments of a rollback. An acknowledged rollback stays. Otherwise, one of the two
/// deployments is live.
#[test]
fn a_power_cut_in_a_rollback_loses_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &returning("a"));
    let ids = [
        text(&run(&sandbox, "functions info mi-funcion")["liveDeployment"]),
        deployed(&sandbox, &returning("b")),
    ];
    let access_token = server.access_token.clone().unwrap();
    let mut data = server.stop();
    let mut live = 1;
    for round in 0..times(4, 40) {
        let server = Serve::new(&sandbox).on(&data).start();
        // With a running process, so that the rollback starts a process first.
        assert_eq!(
            server.call("mi-funcion", Some(&token), "{}").1,
            ["a", "b"][live]
        );
        let wanted = 1 - live;
        let rollback = server
            .manage(&access_token, "/v1/functions/mi-funcion/rollback")
            .body(&format!("{{\"deployment\": \"{}\"}}", ids[wanted]));
        let acknowledged =
            thread::spawn(move || rollback.try_send().is_ok_and(|reply| reply.status == 200));
        // The kill comes at a different moment in every round.
        thread::sleep(Duration::from_millis(4 * round as u64 % 120));
        data = server.kill();
        let acknowledged = acknowledged.join().unwrap();
        let server = Serve::new(&sandbox).on(&data).start();
        let (status, body) = server.call("mi-funcion", Some(&token), "{}");
        assert_eq!(status, 200);
        let now = usize::from(body == "b");
        assert!(!acknowledged || now == wanted, "round {round}: {body}");
        live = now;
        data = server.stop();
    }
}
