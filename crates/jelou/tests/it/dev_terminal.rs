//! `jelou dev` in a terminal, with the input and output of a developer.

use std::os::unix::fs::PermissionsExt;

use crate::support::{DataFolder, Sandbox, Terminal, function};

/// A function with a tool that takes input, and a schedule.
fn source(greeting: &str) -> String {
    format!(
        "import {{ app, define, z }} from \"@jelou/functions\";\n\
         export default app({{ description: \"A test\", tools: {{\n\
           saludar: define({{ description: \"Greets\", input: z.object({{ nombre: z.string() }}),\n\
             handler: (input, ctx) => {{ ctx.log(\"saludando\"); return `{greeting} ${{input.nombre}}`; }} }}),\n\
           limpiar: define({{ description: \"Cleans\", config: {{ methods: [\"GET\"], cron: [{{ expression: \"0 9 * * *\", timezone: \"UTC\" }}] }},\n\
             handler: () => \"ok\" }}),\n\
         }} }});\n"
    )
}

fn start(sandbox: &Sandbox, data: &DataFolder, arguments: &str) -> Terminal {
    let line = format!("dev --port 0 {arguments} --data {}", data.path().display());
    sandbox.jelou(&line).in_terminal()
}

#[test]
fn a_developer_sees_routes_calls_errors_and_uses_the_keys() {
    let sandbox = Sandbox::new().env("JELOU_SANDBOX__FIREWALL", "off");
    sandbox.file("index.ts", source("Hola"));
    // Replaces the program that opens the browser.
    let opened = sandbox.home().join("opened");
    let browser = sandbox.binary_folder().join("xdg-open");
    let script = format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display());
    std::fs::write(&browser, script).unwrap();
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let data = DataFolder::new();
    let mut terminal = start(&sandbox, &data, "");
    terminal
        .wait_for("Loaded in ")
        .wait_for("mi-funcion at http://localhost:")
        .wait_for("POST /saludar  Greets")
        .wait_for("GET /limpiar  Cleans")
        .wait_for("Schedule limpiar: 0 9 * * * UTC: due 20")
        .wait_for(" 09:00 on a server; here it does not run")
        .wait_for("Try it: curl -X POST http://localhost:")
        .wait_for("/saludar -H 'Content-Type: application/json' -d '{\"nombre\":\"text\"}'")
        .wait_for("MCP:    http://localhost:")
        .wait_for("r: load again   o: open in a browser   c: clear   q: quit");
    let called = sandbox.jelou("call saludar nombre=Ana").run();
    assert_eq!(called.json()["data"]["body"], "Hola Ana", "{called}");
    terminal
        .wait_for("saludando")
        .wait_for("POST")
        .wait_for("/saludar")
        .wait_for("200");
    sandbox.file("index.ts", "const a = 1;\nexport default {{;\n");
    terminal
        .wait_for("2 | export default {{;")
        .wait_for("^")
        .wait_for("The code before goes on serving");
    sandbox.file("index.ts", source("Buenos días"));
    terminal.wait_for("Loaded in ");
    terminal.answer("?").wait_for("r: load again");
    terminal.answer("r").wait_for("Loaded in ");
    terminal.answer("o");
    crate::support::eventually("the browser", || {
        let url = std::fs::read_to_string(&opened).ok()?;
        url.starts_with("http://localhost:").then_some(())
    });
    terminal.answer("c").answer("?").wait_for("q: quit");
    terminal.answer("q");
    let outcome = terminal.finish();
    assert_eq!(outcome.code, 0, "{outcome}");
    data.wait_until_quiet();
}

/// The URL is shown when the function can be called.
#[test]
fn the_url_is_shown_after_the_first_load() {
    let sandbox = Sandbox::new().env("JELOU_SANDBOX__FIREWALL", "off");
    sandbox.file("index.ts", "export default {{;\n");
    let data = DataFolder::new();
    let mut terminal = start(&sandbox, &data, "--token");
    terminal.wait_for("Nothing is served yet. Save again to try again");
    sandbox.file("index.ts", source("Hola"));
    terminal
        .wait_for("Loaded in ")
        .wait_for("mi-funcion at http://localhost:")
        .wait_for("Token jfn_rt_");
    sandbox.file("index.ts", source("Buenos días"));
    terminal
        .wait_for("Loaded in ")
        .press(crate::support::CTRL_C);
    let outcome = terminal.finish();
    let shown = outcome.stdout().matches(" at http://localhost:").count();
    assert_eq!((outcome.code, shown), (0, 1), "{outcome}");
    let (before, _) = outcome.stdout().split_once("Loaded in ").unwrap();
    assert!(!before.contains("http://"), "{outcome}");
    data.wait_until_quiet();
}

#[test]
fn control_c_ends_everything() {
    let sandbox = Sandbox::new().env("JELOU_SANDBOX__FIREWALL", "off");
    sandbox.file("index.ts", source("Hola"));
    let data = DataFolder::new();
    let mut terminal = start(&sandbox, &data, "--inspect=0");
    terminal
        .wait_for("Debugger at ws://127.0.0.1:")
        .wait_for("/mi-funcion")
        .wait_for("Loaded in ")
        .press(crate::support::CTRL_C);
    let outcome = terminal.finish();
    assert_eq!(outcome.code, 0, "{outcome}");
    data.wait_until_quiet();
}

/// The terminal sends the signal to the whole process group. A call in flight is answered nevertheless.
#[test]
fn control_c_reaches_no_process_of_a_function() {
    let sandbox = Sandbox::new().env("JELOU_SANDBOX__FIREWALL", "off");
    let slow = "async (_input, ctx) => { ctx.log(\"began\"); await new Promise((done) => setTimeout(done, 1000)); return \"answered\"; }";
    sandbox.file("index.ts", function(slow));
    let data = DataFolder::new();
    let mut terminal = start(&sandbox, &data, "");
    terminal.wait_for("Loaded in ");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| sandbox.jelou("call").run());
        terminal.wait_for("began").press(crate::support::CTRL_C);
        let outcome = terminal.finish();
        assert_eq!(outcome.code, 0, "{outcome}");
        let called = call.join().unwrap();
        assert_eq!(called.json()["data"]["body"], "answered", "{called}");
    });
    data.wait_until_quiet();
}
