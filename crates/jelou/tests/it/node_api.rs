//! Node's API in deployed functions: identity, refusals, output, and HTTP clients of `node:http`.

use serde_json::{Value, json};

use crate::support::{Sandbox, Serve, Server, eventually, function};

#[test]
fn nothing_tells_of_the_machine() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "async () => {
            const told = {};
            for (const [name, value] of Object.entries(os)) {
                if (typeof value === 'function') told[name] = name === 'setPriority' ? value(1) : value();
            }
            return { told, same: os.hostname === require('os').hostname, deno: [Deno.hostname(), Deno.osRelease(), Deno.uid()],
                process: [process.getuid(), process.umask(), process.title, process.execPath, process.argv, Deno.args] };
        }",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!(
            "import * as os from \"node:os\";\nimport {{ createRequire }} from \"node:module\";\n\
             const require = createRequire(import.meta.url);\n{source}"
        ),
    );
    let (status, body) = server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["told"]["hostname"], "localhost");
    assert_eq!(answer["told"]["userInfo"]["username"], "function");
    assert_eq!(answer["told"]["cpus"].as_array().unwrap().len(), 1);
    assert_eq!(answer["same"], true);
    assert_eq!(answer["deno"], json!(["localhost", "6.0.0", 1000]));
    let process = json!([
        1000,
        18,
        "function",
        "/usr/bin/node",
        ["/usr/bin/node", "/index.js"],
        []
    ]);
    assert_eq!(answer["process"], process);
}

#[test]
fn refusals_name_the_wall_and_the_setting() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "async () => {
            const attempts = [() => fetch('http://169.254.169.254/'), () => Deno.connect({ hostname: '10.0.0.1', port: 5432 }),
                () => new Promise((_, no) => net.connect(5432, '192.168.0.1').on('error', no)),
                () => fs.promises.readFile('/etc/passwd'), () => fs.promises.writeFile('/tmp/x', ''), () => fs.existsSync('/etc/passwd'),
                () => Deno.readTextFile('/etc/passwd'), () => import(['https://example.com/x.js'][0]), () => new Deno.Command('/bin/ls').output(), () => Deno.dlopen('x.so', {})];
            return Promise.all(attempts.map(async (attempt) => {
                try { return await attempt(); } catch (error) { return [error.code ?? error.name, error.message]; }
            }));
        }",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!("import fs from \"node:fs\";\nimport net from \"node:net\";\n{source}"),
    );
    let (status, body) = server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(status, 200, "{body}");
    let refused = |address: &str, range: &str| {
        json!([
            "EACCES",
            format!(
                "`{address}` is refused: {range}; an administrator can open it: jelou egress allow mi-funcion {address} (for every function: egress.allow in the server's settings)"
            )
        ])
    };
    let expected = json!([
        refused("169.254.169.254:80", "169.254.0.0/16 is link-local"),
        refused("10.0.0.1:5432", "10.0.0.0/8 is a private network"),
        refused("192.168.0.1:5432", "192.168.0.0/16 is a private network"),
        [
            "ENOENT",
            "ENOENT: no such file or directory, open '/etc/passwd'"
        ],
        ["EACCES", "EACCES: permission denied, open '/tmp/x'"],
        false,
        [
            "ENOENT",
            "No such file or directory (os error 2): `/etc/passwd`; functions see only their own files"
        ],
        [
            "ERR_MODULE_NOT_FOUND",
            "`https://example.com/x.js` cannot be imported at run time; import it by a constant name, so that the deploy puts it into the bundle"
        ],
        [
            "NotCapable",
            "functions cannot start other programs: `/bin/ls`"
        ],
        [
            "NotCapable",
            "functions cannot load native libraries: `x.so`"
        ],
    ]);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let log = eventually("the refusal in the log", || {
        let log = server.data.log();
        log.contains("10.0.0.0/8 is a private network")
            .then_some(log)
    });
    assert!(!log.contains("--allow-"), "{log}");
}

#[test]
fn a_deploy_without_network_says_so() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let source = function("() => 1");
    sandbox.function(
        "mi-funcion",
        &format!("await Deno.connect({{ hostname: \"192.0.2.1\", port: 5432 }});\n{source}"),
    );
    let outcome = sandbox.jelou("deploy mi-funcion -y --human").run();
    let told = outcome.to_string();
    assert_eq!(outcome.code, 7, "{told}");
    assert!(
        told.contains(
            "there is no network while a deploy imports the module; connect in the handler"
        ),
        "{told}"
    );
    assert!(told.contains("index.ts:1:"), "{told}");
    assert!(!told.contains("--allow-"), "{told}");
}

#[test]
fn output_has_the_id_of_its_request() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let source = function(
        "async () => {
            process.stdout.write('by a stream\\n');
            fs.writeSync(1, JSON.stringify({ level: 50, msg: 'by a logger' }) + '\\n');
            process.stderr.write('without an end');
        }",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!("import fs from \"node:fs\";\n{source}"),
    );
    let reply = server.request("mi-funcion").token(&token).body("{}").send();
    let id = reply.header("x-request-id").unwrap().to_owned();
    for (text, level) in [
        ("by a stream", "INFO"),
        ("by a logger", "ERROR"),
        ("without an end", "WARN"),
    ] {
        let line = eventually(text, || {
            let log = server.data.log();
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        });
        assert!(line.contains(&id), "{line}");
        assert!(line.contains(&format!("\"level\":\"{level}\"")), "{line}");
    }
}

/// Clients such as axios and got use `node:http` and `node:https`, and undici uses `node:tls`.
#[test]
fn other_functions_by_the_modules_of_node() {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .arguments("--listen 127.0.0.1:0 --domain fn.jelou.ai")
        .start();
    let others = sandbox.deploy(
        "otra-funcion",
        &function("(input, ctx) => ({ echo: input.value, method: ctx.method })"),
    );
    let source = function(
        "async ({ token }) => {
            const headers = { 'content-type': 'application/json', 'x-jelou-token': token };
            const text = async (stream) => { let all = ''; for await (const part of stream) all += part; return all; };
            const send = async (request, url, options = {}) => await new Promise((ok, no) => {
                const sent = request(url, { method: 'POST', headers, ...options }, (answer) => text(answer).then(ok, no));
                sent.on('error', no).end(JSON.stringify({ value: url }));
            });
            const raw = await new Promise((ok, no) => {
                const socket = tls.connect({ host: 'otra-funcion.fn.jelou.ai', servername: 'otra-funcion.fn.jelou.ai', port: 443 });
                socket.on('error', no).on('secureConnect', () => {
                    socket.write('GET /?value=raw HTTP/1.1\\r\\nHost: otra-funcion.fn.jelou.ai\\r\\nConnection: close\\r\\nX-Jelou-Token: ' + token + '\\r\\n\\r\\n');
                    text(socket).then((all) => ok(all.split('\\r\\n\\r\\n')[1]), no);
                });
            });
            return [await send(http.request, 'http://otra-funcion.fn.jelou.ai/'), await send(https.request, 'https://otra-funcion.fn.jelou.ai/a'),
                await send(https.request, 'https://otra-funcion.fn.jelou.ai/b', { agent: new https.Agent({ keepAlive: true }) }), raw];
        }",
    );
    let token = sandbox.deploy(
        "mi-funcion",
        &format!(
            "import http from \"node:http\";\nimport https from \"node:https\";\nimport tls from \"node:tls\";\n{source}"
        ),
    );
    let (status, body) = server.call(
        "mi-funcion",
        Some(&token),
        &json!({ "token": others }).to_string(),
    );
    assert_eq!(status, 200, "{body}");
    let answers: Vec<String> = serde_json::from_str(&body).unwrap();
    let echo = |value: &str, method: &str| json!({ "echo": value, "method": method }).to_string();
    assert_eq!(
        answers[..3],
        [
            echo("http://otra-funcion.fn.jelou.ai/", "POST"),
            echo("https://otra-funcion.fn.jelou.ai/a", "POST"),
            echo("https://otra-funcion.fn.jelou.ai/b", "POST"),
        ]
    );
    assert_eq!(answers[3], echo("raw", "GET"));
}
