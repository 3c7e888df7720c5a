//! `jelou dev`: real files, real saves, real calls.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Call, Dev, Reply, Sandbox, function};

fn answers(text: &str) -> String {
    function(&format!("() => \"{text}\""))
}

/// A project that was never deployed.
fn project(source: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", source);
    sandbox
}

#[test]
fn a_folder_has_one_server_and_calls_find_it() {
    let sandbox = project(&answers("mine"));
    let mut dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    // Its port is taken too, which is not the reason.
    let port = dev.address.rsplit(':').next().unwrap();
    let second = sandbox.jelou(&format!("dev --port {port} --fresh --json"));
    let second = second.run();
    assert_eq!(second.code, 5, "{second}");
    assert!(
        second
            .to_string()
            .contains("another `jelou dev` serves this folder at http://localhost:"),
        "{second}"
    );
    let called = sandbox.jelou("call").run();
    assert_eq!(called.json()["data"]["body"], "mine", "{called}");
    sandbox.file("index.ts", "export default {{;\n");
    dev.event("failed");
    let stale = sandbox.jelou("call").run();
    assert!(
        stale
            .to_string()
            .contains("older code: the last build failed (index.ts:1:"),
        "{stale}"
    );
    dev.signal(Signal::INT);
    assert_eq!(dev.ended(), Some(0));
    assert!(!sandbox.project().join(".jelou/dev/server.json").exists());
}

fn answer(dev: &Dev) -> String {
    let reply = dev.request().send();
    assert_eq!(reply.status, 200, "{reply:?}");
    text(&reply)
}

/// The text or number that the function returned.
fn text(reply: &Reply) -> String {
    let value = reply.json();
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn a_project_is_served_without_login_and_token() {
    let sandbox = project(&function(
        "(_input, ctx) => { ctx.log(\"llegó\", { n: 1 }); return \"uno\"; }",
    ));
    let dev = Dev::start(&sandbox, "");
    let loaded = dev.event("loaded");
    assert_eq!(loaded["tools"][0], "mi-funcion");
    assert_eq!(answer(&dev), "uno");
    let line = dev.find("the line", |event| event["kind"] == "line");
    assert_eq!(line["args"][0], "llegó");
    let call = dev.find("the call", |event| event["kind"] == "call");
    assert_eq!(call["status"], 200);
    let document = dev.request().get("/openapi.json").send();
    assert_eq!(document.status, 200, "{document:?}");
    let tools = dev
        .request()
        .path("/mcp")
        .header("accept", "application/json, text/event-stream")
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        .send();
    assert!(tools.body.contains("mi-funcion"), "{tools:?}");
    let by_path = dev.request().path("/fn/mi-funcion/").send();
    assert_eq!(text(&by_path), "uno");
    // A web page whose name resolves to this machine.
    let rebound = Call::new(&dev.address, "example.com").send();
    assert_eq!(rebound.status, 404, "{rebound:?}");
    assert!(rebound.body.contains("has another `Host`"), "{rebound:?}");
    // A web page of another host could otherwise use the function without a token.
    for (origin, status) in [
        ("https://example.com", 404),
        ("null", 404),
        ("http://localhost:5173", 200),
        ("http://127.0.0.1:8080", 200),
        ("http://app.localhost", 200),
    ] {
        let reply = dev.request().header("origin", origin).send();
        assert_eq!(reply.status, status, "{origin}: {reply:?}");
        let preflight = dev
            .request()
            .method("OPTIONS")
            .body("")
            .header("origin", origin);
        let preflight = preflight
            .header("access-control-request-method", "POST")
            .send();
        let allows = preflight.header("access-control-allow-origin").is_some();
        assert_eq!(allows, status == 200, "{origin}: {preflight:?}");
    }
    // Browsers send no `Origin` with an image, a frame or a script, but Fetch Metadata.
    for (site, mode, dest, status) in [
        ("cross-site", "no-cors", "image", 404),
        ("cross-site", "no-cors", "script", 404),
        ("cross-site", "navigate", "iframe", 404),
        ("cross-site", "navigate", "document", 200),
        ("same-site", "no-cors", "image", 200),
        ("same-origin", "cors", "empty", 200),
        ("none", "navigate", "document", 200),
    ] {
        let reply = dev.request().get("/openapi.json");
        let reply = reply.header("sec-fetch-site", site);
        let reply = reply.header("sec-fetch-mode", mode);
        let reply = reply.header("sec-fetch-dest", dest).send();
        assert_eq!(reply.status, status, "{site} {mode} {dest}: {reply:?}");
    }
    let post = dev.request().header("sec-fetch-site", "cross-site");
    let post = post.header("sec-fetch-mode", "navigate");
    let post = post.header("sec-fetch-dest", "document").send();
    assert_eq!(post.status, 404, "{post:?}");
    // Git ignores the whole folder.
    assert_eq!(sandbox.read(".jelou/dev/.gitignore"), "*\n");
}

#[test]
fn every_way_to_save_is_noticed() {
    let sandbox = project(&answers("in place"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    assert_eq!(answer(&dev), "in place");
    let path = sandbox.project().join("index.ts");
    let save = |source: &str, how: &dyn Fn(&str)| {
        how(source);
        dev.event("loaded");
    };
    save(&answers("again"), &|source| {
        std::fs::write(&path, source).unwrap();
    });
    assert_eq!(answer(&dev), "again");
    save(&answers("renamed"), &|source| {
        sandbox.file(".index.ts.swp", source);
        std::fs::rename(sandbox.project().join(".index.ts.swp"), &path).unwrap();
    });
    assert_eq!(answer(&dev), "renamed");
    save(&answers("deleted and created"), &|source| {
        std::fs::rename(&path, sandbox.project().join("index.ts~")).unwrap();
        std::fs::write(&path, source).unwrap();
    });
    assert_eq!(answer(&dev), "deleted and created");
    // A module in a folder that is new, and a change of it.
    save(
        "import { text } from \"./lib/text.ts\";\nimport { define } from \"@jelou/functions\";\nexport default define({ description: \"A test\", handler: () => text });\n",
        &|source| {
            sandbox.file("lib/text.ts", "export const text = \"new\";\n");
            std::fs::write(&path, source).unwrap();
        },
    );
    assert_eq!(answer(&dev), "new");
    save("export const text = \"newer\";\n", &|source| {
        sandbox.file("lib/text.ts", source);
    });
    assert_eq!(answer(&dev), "newer");
}

#[test]
fn a_broken_save_leaves_the_code_before_and_says_so() {
    let sandbox = project(&answers("good"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let good = dev.request().send();
    assert_eq!(good.header("x-jelou-dev-stale"), None);
    for (broken, place, words) in [
        (
            "const a = 1;\nexport default {{;\n",
            Some("index.ts:2:"),
            "",
        ),
        (
            "import \"./missing.ts\";\n",
            Some("index.ts:1:"),
            "missing.ts",
        ),
        (
            "\nthrow new Error(\"at import\");\n",
            Some("index.ts:2:"),
            "at import",
        ),
        ("export const nothing = 1;\n", None, "default"),
    ] {
        sandbox.file("index.ts", broken);
        let failed = dev.event("failed");
        assert!(
            failed["message"].as_str().unwrap().contains(words),
            "{failed}"
        );
        let stale = dev.request().send();
        assert_eq!(text(&stale), "good", "{broken}");
        let header = stale.header("x-jelou-dev-stale").unwrap();
        if let Some(place) = place {
            assert!(header.starts_with(place), "{header}: {failed}");
            assert_eq!(failed["place"], header);
        }
    }
    sandbox.file("index.ts", answers("recovered"));
    dev.event("loaded");
    let recovered = dev.request().send();
    assert_eq!(text(&recovered), "recovered");
    assert_eq!(recovered.header("x-jelou-dev-stale"), None);
    std::fs::remove_file(sandbox.project().join("index.ts")).unwrap();
    dev.event("failed");
    assert_eq!(answer(&dev), "recovered");
    sandbox.file("index.ts", answers("back"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "back");
}

#[test]
fn requests_wait_for_the_first_load() {
    let sandbox = project(&answers("loaded"));
    let dev = Dev::start(&sandbox, "");
    assert_eq!(answer(&dev), "loaded");
}

/// The import never ends, and a request waits for it.
#[test]
fn requests_that_wait_for_the_first_load_do_not_delay_the_stop() {
    let sandbox = project("await new Promise((end) => setTimeout(end, 3_600_000));\n");
    let mut dev = Dev::start(&sandbox, "");
    let mut waiting = TcpStream::connect(&dev.address).unwrap();
    waiting
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let began = Instant::now();
    dev.signal(Signal::INT);
    assert_eq!(dev.ended(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_project_that_starts_broken_is_served_after_it_is_mended() {
    let sandbox = project("export default {{;\n");
    let dev = Dev::start(&sandbox, "");
    let reply = dev.request().send();
    assert_eq!(reply.status, 404);
    assert!(reply.header("x-jelou-dev-stale").is_some(), "{reply:?}");
    dev.event("failed");
    sandbox.file("index.ts", answers("mended"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "mended");
}

#[test]
fn a_folder_without_code() {
    let sandbox = Sandbox::new();
    let dev = Dev::start(&sandbox, "");
    let failed = dev.event("failed");
    assert_eq!(
        failed["message"], "there are no files to deploy",
        "{failed}"
    );
    let hint = failed["hint"].as_str().unwrap();
    assert!(hint.contains("`jelou init`"), "{failed}");
}

#[test]
fn a_call_waits_for_the_first_load_and_tells_that_it_failed() {
    let slow = answers("loaded");
    let sandbox = project(&format!(
        "await new Promise((done) => setTimeout(done, 1000));\n{slow}"
    ));
    let dev = Dev::start(&sandbox, "");
    let called = sandbox.jelou("call").run();
    assert_eq!(called.json()["data"]["body"], "loaded", "{called}");
    drop(dev);
    let ended = sandbox.jelou("call").run();
    assert_eq!(ended.code, 4, "{ended}");
    assert!(
        ended.to_string().contains("no `jelou dev` serves"),
        "{ended}"
    );
    sandbox.file("index.ts", "\nexport default {{;\n");
    let _dev = Dev::start(&sandbox, "");
    let failed = sandbox.jelou("call").run();
    assert_eq!(failed.code, 4, "{failed}");
    let message = "`jelou dev` cannot load the function mi-funcion (index.ts:2:";
    assert!(failed.to_string().contains(message), "{failed}");
}

/// The server has locked its folder, and its address is not known yet, as during a download of the engine.
#[test]
fn a_call_waits_for_a_server_that_starts() {
    let sandbox = project(&answers("started"));
    let state = sandbox.project().join(".jelou/dev");
    std::fs::create_dir_all(&state).unwrap();
    let lock = std::fs::File::create(state.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut terminal = sandbox.jelou("call").in_terminal();
    terminal.wait_for("Waiting until `jelou dev` has started");
    lock.unlock().unwrap();
    terminal.wait_for("no `jelou dev` serves the function mi-funcion");
    assert_eq!(terminal.finish().code, 4);
}

/// Messages name the file that `jelou dev` reads, not a command for a server.
#[test]
fn an_unset_secret_belongs_in_the_env_file() {
    let sandbox = project(&function("() => Deno.env.get(\"CLAVE\").length"));
    for (arguments, file) in [("", ".env"), ("--env local.env", "local.env")] {
        sandbox.file(file, "OTRA=1\n");
        let dev = Dev::start(&sandbox, arguments);
        let warnings = dev.event("loaded")["warnings"].to_string();
        let how = format!("To set one, add to {file}: CLAVE=...");
        assert!(warnings.contains(&how), "{warnings}");
        assert_eq!(dev.request().send().status, 500);
        let line = dev.find("the hint", |event| event["level"] == "WARN");
        let how = format!("To set them, add to {file}: CLAVE=...");
        assert!(line.to_string().contains(&how), "{line}");
    }
}

#[test]
fn secrets_and_settings_are_read_again() {
    let sandbox = project(&function(
        "(_input, ctx) => ctx.env.get(\"CLAVE\") ?? \"none\"",
    ));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    assert_eq!(answer(&dev), "none");
    sandbox.file(".env", "# later\n");
    sandbox.file(".env", "CLAVE='p$s'\n");
    dev.event("loaded");
    assert_eq!(answer(&dev), "p$s");
    sandbox.file(
        "jelou.json",
        "{\"function\": \"mi-funcion\", \"timeout\": 0}",
    );
    dev.event("failed");
    sandbox.file("jelou.json", "{\"function\": \"mi-funcion\"}");
    dev.event("loaded");
    assert_eq!(answer(&dev), "p$s");
}

#[test]
fn requests_in_flight_finish_with_their_code() {
    let slow = function(
        "async () => { await new Promise((done) => setTimeout(done, 3000)); return \"old\"; }",
    );
    let sandbox = project(&slow);
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let call = dev.request();
    let running = std::thread::spawn(move || call.send());
    // The process runs before the code is replaced.
    std::thread::sleep(Duration::from_millis(1500));
    sandbox.file("index.ts", answers("new"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "new");
    assert_eq!(text(&running.join().unwrap()), "old");
}

#[test]
fn memory_stays_until_it_is_asked_to_be_fresh() {
    let sandbox = project(&function(
        "async (_input, ctx) => { const n = (await ctx.memory.getJson<number>(\"n\") ?? 0) + 1; await ctx.memory.setJson(\"n\", n, 3600); return n; }",
    ));
    for (arguments, expected) in [("", "1"), ("", "2"), ("--fresh", "1")] {
        let mut dev = Dev::start(&sandbox, arguments);
        dev.event("loaded");
        assert_eq!(answer(&dev), expected);
        dev.signal(Signal::INT);
        assert_eq!(dev.ended(), Some(0));
    }
}

#[test]
fn nothing_stays_after_the_end() {
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let sandbox = project(&answers("here"));
        let mut dev = Dev::start(&sandbox, "");
        dev.event("loaded");
        assert_eq!(answer(&dev), "here");
        dev.signal(signal);
        dev.ended();
    }
}

#[test]
fn a_token_is_asked_for_on_request() {
    let sandbox = project(&answers("private"));
    let dev = Dev::start(&sandbox, "--token");
    dev.event("loaded");
    assert_eq!(dev.request().send().status, 401);
    let token = dev.token.clone().unwrap();
    assert_eq!(text(&dev.request().token(&token).send()), "private");
}

#[test]
fn a_port_that_is_taken() {
    let sandbox = project(&answers("here"));
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let refused = sandbox.jelou(&format!("dev --port {port}")).run();
    assert_eq!(refused.code, 2, "{refused}");
    let shown = refused.to_string();
    let this = format!("(process {})", std::process::id());
    assert!(
        shown.contains(&format!("port {port} is taken by")) && shown.contains(&this),
        "{shown}"
    );
    // If the default port is taken, by this or another program, the next free port is used.
    let _holder = TcpListener::bind("127.0.0.1:3000");
    let dev = Dev::start_with(&sandbox, "");
    assert!(!dev.address.ends_with(":3000"), "{}", dev.address);
}

#[test]
fn a_call_takes_its_types_from_the_schema() {
    let source = "import { app, define, z } from \"@jelou/functions\";\n\
         const echo = (input: unknown) => input;\n\
         export default app({ description: \"A test\", tools: {\n\
           enviar: define({ description: \"a\", input: z.object({ telefono: z.string(), veces: z.number(), urgente: z.boolean().optional() }), handler: echo }),\n\
           leer: define({ description: \"b\", config: { methods: [\"GET\"] }, input: z.object({ id: z.string() }), handler: echo }),\n\
           zona: define({ description: \"c\", config: { path: \"/zonas/:zona\", methods: [\"GET\"] }, handler: (_input, ctx) => ctx.params }),\n\
         } });\n";
    let sandbox = project(source);
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let call = |line: &str| {
        let url = format!("http://{}", dev.address);
        sandbox.jelou(&format!("call {line} --url {url}")).run()
    };
    let sent = call("enviar telefono=593987654321 veces=2 urgente=true");
    assert_eq!(sent.code, 0, "{sent}");
    let body = serde_json::json!({"telefono": "593987654321", "veces": 2, "urgente": true});
    assert_eq!(sent.json()["data"]["body"], body);
    assert_eq!(sent.json()["data"]["status"], 200);
    let unknown = call("enviar telefono=1 veces=2 telefno=2");
    assert!(
        unknown.to_string().contains("has no `telefno`"),
        "{unknown}"
    );
    let read = call("leer id=7");
    assert_eq!(read.json()["data"]["body"]["id"], "7", "{read}");
    let zone = call("zona zona=a/b");
    assert_eq!(zone.json()["data"]["body"]["zona"], "a/b", "{zone}");
    for (line, code, words) in [
        ("", 2, "enviar, leer, zona"),
        ("envair", 2, "did you mean `enviar`"),
        ("enviar telefono=1 veces=dos", 2, "veces is `dos`"),
        // Without a terminal, the command cannot ask for missing values.
        ("enviar telefono=1", 2, "veces=VALUE"),
        ("enviar telefono", 2, "not KEY=VALUE"),
    ] {
        let refused = call(line);
        assert_eq!(refused.code, code, "{line}: {refused}");
        assert!(refused.to_string().contains(words), "{line}: {refused}");
    }
    let invalid = call("enviar --data {\"veces\":\"dos\"}");
    assert_eq!(invalid.code, 1, "{invalid}");
    assert_eq!(invalid.json()["data"]["status"], 400, "{invalid}");
    let by_agent = call("enviar telefono=1 veces=2 --mcp");
    assert_eq!(by_agent.code, 0, "{by_agent}");
    let result = &by_agent.json()["data"]["body"]["result"];
    assert!(result["content"][0]["text"].is_string(), "{by_agent}");
    let invalid = call("enviar --mcp --data {\"veces\":\"dos\"}");
    assert_eq!(invalid.code, 1, "{invalid}");
    let nobody = sandbox.jelou("call --url http://127.0.0.1:9").run();
    assert_eq!(nobody.code, 2, "{nobody}");
    assert!(nobody.to_string().contains("jelou dev"), "{nobody}");
}

#[test]
fn a_call_finds_the_server_of_its_folder_and_no_other() {
    let sandbox = Sandbox::new();
    for name in ["uno", "dos", "tres"] {
        sandbox.file(&format!("{name}/index.ts"), answers(name));
    }
    let dev = Dev::start(&sandbox, "uno dos");
    dev.event("loaded");
    dev.event("loaded");
    let call = |name: &str| {
        let (folder, binary) = (sandbox.project().join(name), sandbox.binary());
        let (folder, binary) = (folder.display(), binary.display());
        sandbox.shell(&format!(
            "cd {folder} && {binary} call --token jfn_rt_x --json"
        ))
    };
    for name in ["uno", "dos"] {
        let called = call(name);
        assert_eq!(called.json()["data"]["body"], name, "{called}");
        assert!(
            called.to_string().contains(&format!("/fn/{name}")),
            "{called}"
        );
    }
    let other = call("tres");
    assert_eq!(other.code, 4, "{other}");
    assert!(
        other
            .to_string()
            .contains("no `jelou dev` serves the function tres"),
        "{other}"
    );
}

#[test]
fn a_call_shows_the_lines_that_the_function_wrote() {
    let sandbox = project(&function(
        "(input, ctx) => { ctx.log(\"of\", input.n); return input.n; }",
    ));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let file = sandbox.project().join(".jelou/dev/server.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it has an access token");
    assert_eq!(sandbox.jelou("call n=1").run().code, 0);
    let called = sandbox.jelou("call n=2").run();
    let log = &called.json()["data"]["log"];
    assert_eq!(log.as_array().map(Vec::len), Some(1), "{called}");
    assert_eq!(log[0]["args"], serde_json::json!(["of", 2]), "{called}");
    let human = sandbox.jelou("call n=3 --human").run();
    assert_eq!(human.stdout().trim(), "3", "{human}");
    assert!(human.to_string().contains("INFO  of 3"), "{human}");
}

#[test]
fn a_call_runs_a_schedule_in_development() {
    let sandbox = project(
        "import { define } from \"@jelou/functions\";\n\
         export default define({\n\
           description: \"Reports\",\n\
           config: { cron: [{ expression: \"0 9 * * *\", timezone: \"America/Guayaquil\", name: \"diario\" }] },\n\
           handler: (_input, ctx) => {\n\
             ctx.log(ctx.isCron, ctx.trigger);\n\
             if (ctx.trigger.scheduledTime === 0) throw new Error(\"too early\");\n\
             return null;\n\
           },\n\
         });\n",
    );
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let ran = sandbox
        .jelou("call --cron diario --at 2026-11-29T09:00")
        .run();
    assert_eq!(ran.code, 0, "{ran}");
    let data = &ran.json()["data"];
    assert_eq!(data["state"], "OK", "{ran}");
    assert_eq!(data["dueAt"], "2026-11-29T14:00:00Z", "{ran}");
    let line = data["log"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["kind"] == "line");
    let args = &line.unwrap()["args"];
    assert_eq!(args[0], true, "{ran}");
    assert_eq!(args[1]["cronName"], "diario", "{ran}");
    assert_eq!(args[1]["scheduledTime"], 1_795_960_800_000_i64, "{ran}");
    let failed = sandbox
        .jelou("call --cron diario --at 1970-01-01T00:00:00Z")
        .run();
    assert_eq!(failed.code, 1, "{failed}");
    assert_eq!(failed.json()["data"]["state"], "ERROR", "{failed}");
    let unknown = sandbox.jelou("call --cron semanal").run();
    assert_eq!(unknown.code, 4, "{unknown}");
}

#[test]
fn a_failed_handler_shows_its_place() {
    let source = "import { define } from \"@jelou/functions\";\n\n\
         const fail = (): never => {\n  throw new Error(\"boom\");\n};\n\n\
         export default define({ description: \"A test\", handler: () => fail() });\n";
    let sandbox = project(source);
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let failed = dev.request().send();
    assert_eq!(failed.status, 500, "{failed:?}");
    let body = failed.json();
    assert_eq!(body["error"], "Internal function error");
    assert_eq!(body["place"], "index.ts:4:9", "{body}");
    assert_eq!(
        body["frame"],
        "  2 | \n  3 | const fail = (): never => {\n  4 |   throw new Error(\"boom\");\n    |         ^"
    );
    let thrown = body["thrown"].as_str().unwrap();
    assert!(thrown.starts_with("Error: boom\n"), "{body}");
    assert!(!thrown.contains("file://"), "{body}");
}

#[test]
fn wrong_types_are_told_beside() {
    let sandbox = project(&function("(): number => \"text\""));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    assert_eq!(answer(&dev), "text");
    let types = dev.event("types");
    assert_eq!(types["ok"], false, "{types}");
    let place = types["place"].as_str().unwrap();
    assert!(place.starts_with("index.ts:5:"), "{types}");
    sandbox.file("index.ts", function("(): string => \"text\""));
    assert_eq!(dev.event("types")["ok"], true);
}

#[test]
fn the_network_is_closed_during_the_import_as_in_a_deploy() {
    let sandbox = project(
        "await fetch(\"http://127.0.0.1:9/\");\nexport default { fetch: () => new Response() };\n",
    );
    let dev = Dev::start(&sandbox, "");
    let failed = dev.event("failed");
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.contains("there is no network while a deploy imports"),
        "{failed}"
    );
}

#[test]
fn a_broken_env_file_is_told_once() {
    let sandbox = project(&answers("good"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    sandbox.file(".env", "no variable\n");
    dev.event("failed");
    sandbox.file("notes.md", "text\n");
    sandbox.file(".env", "A=1\n");
    let next = dev.find("what follows", |event| {
        event["kind"] == "dev" && event["event"] != "types"
    });
    assert_eq!(next["event"], "loaded", "{next}");
}

#[test]
fn functions_of_a_folder_call_each_other() {
    let sandbox = Sandbox::new();
    sandbox.function("uno", &answers("one"));
    sandbox.function(
        "dos",
        &function(
            "async () => (await (await fetch(\"http://uno.fn.localhost/\", { method: \"POST\" })).json()) + \" and two\"",
        ),
    );
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    dev.event("loaded");
    let call = |slug: &str| text(&dev.request().path(&format!("/fn/{slug}/")).send());
    assert_eq!(call("uno"), "one");
    assert_eq!(call("dos"), "one and two");
    let by_host = Call::new(&dev.address, "uno.fn.localhost").send();
    assert_eq!(text(&by_host), "one");
    let nothing = dev.request().send();
    assert_eq!(nothing.status, 404);
    assert!(nothing.body.contains("/fn/dos/, /fn/uno/"), "{nothing:?}");
    sandbox.function("uno", "export default {{;\n");
    let failed = dev.event("failed");
    assert_eq!(failed["function"], "uno");
    let stale = dev.request().path("/fn/uno/").send();
    assert!(stale.header("x-jelou-dev-stale").is_some(), "{stale:?}");
    let other = dev.request().path("/fn/dos/").send();
    assert_eq!(other.header("x-jelou-dev-stale"), None);
}
