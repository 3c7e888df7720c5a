//! Follows the documentation of runtime tokens step by step, against a real server.

use crate::support::{
    Outcome, Reply, Sandbox, Serve, Server, assert_live_outcome, eventually, function,
};

const INPUT: &str = r#"{"telefono": "593987654321"}"#;
const UNAUTHORIZED: &str = r#"{"error":"Unauthorized"}"#;

/// A server with the documentation's domain, and a `curl` configuration that maps the domain to the server. The
/// commands run as written, except with `http` instead of `https`: TLS is the task of a proxy.
fn documented() -> (Sandbox, Server) {
    let sandbox = Sandbox::new();
    let server = Serve::new(&sandbox)
        .arguments("--listen 127.0.0.1:0 --domain fn.jelou.ai")
        .start();
    let curlrc = format!(
        "connect-to = \"::{}\"\nnoproxy = \"*\"\nsilent\nwrite-out = \"\\n%{{http_code}}\\n\"\n",
        server.address()
    );
    std::fs::write(sandbox.home().join(".curlrc"), curlrc).unwrap();
    (sandbox, server)
}

#[test]
fn runtime_tokens() {
    let (sandbox, server) = documented();
    let default = deploying(&sandbox);
    using(&sandbox, &default);
    let ci_deploy = managing(&sandbox, &server, &default);
    revoking(&sandbox, &server, [&default, &ci_deploy]);
    several(&sandbox, &server);
    losing(&sandbox, &server, &default);
    in_a_pipeline(&sandbox, &server);
    in_brain_studio(&sandbox, &server);
}

/// "Generación automática". Returns the token.
fn deploying(sandbox: &Sandbox) -> String {
    assert_eq!(sandbox.jelou("init").run().code, 0);
    let mut terminal = sandbox.jelou("deploy").in_terminal();
    terminal.wait_for("? Deploy mi-funcion? (Y/n) ").answer("y");
    let deployed = terminal.finish();
    let token = last_word(&deployed);
    assert_live_outcome!("runtime_tokens_first_deploy", deployed);
    assert_eq!(token.len(), 45);

    let mut terminal = sandbox.jelou("deploy").in_terminal();
    terminal.wait_for("? Deploy mi-funcion? (Y/n) ").answer("");
    let deployed = terminal.finish();
    assert!(!deployed.stdout().contains("jfn_rt_"), "{deployed}");
    assert_live_outcome!("runtime_tokens_second_deploy", deployed);
    token
}

/// "Cómo usarlos".
fn using(sandbox: &Sandbox, token: &str) {
    let curl = |header: &str| {
        let script = format!(
            "curl -X POST http://mi-funcion.fn.jelou.ai \\\n  -H \"Content-Type: application/json\" \\\n{header}  -d '{INPUT}'"
        );
        sandbox.shell(&script).stdout().to_owned()
    };
    let answer = "{\"mensaje\":\"Hola, 593987654321\"}\n200\n";
    let refusal = format!("{UNAUTHORIZED}\n401\n");
    assert_eq!(
        curl(&format!("  -H \"X-Jelou-Token: {token}\" \\\n")),
        answer
    );
    assert_eq!(curl(""), refusal);
    assert_eq!(
        curl(&format!("  -H \"Authorization: Bearer {token}\" \\\n")),
        refusal
    );
}

/// "Listar tokens" and "Crear token adicional". Returns the new token.
fn managing(sandbox: &Sandbox, server: &Server, default: &str) -> String {
    let created = sandbox
        .jelou("tokens create mi-funcion --name ci-deploy")
        .in_terminal()
        .finish();
    let token = created
        .stdout()
        .lines()
        .find_map(|line| line.strip_prefix("▸ Token    "))
        .unwrap()
        .to_owned();
    assert_live_outcome!("runtime_tokens_create", created);

    let list = || sandbox.jelou("tokens list mi-funcion").in_terminal();
    let rows = table(&list().finish());
    assert_eq!(rows[1][..2], ["default", &dotted(default)]);
    assert_eq!(rows[2][..3], ["ci-deploy", &dotted(&token), "never"]);
    assert_is_date(&rows[1][2]);
    assert_is_date(&rows[2][3]);

    // The last use is visible as soon as the call is answered.
    assert_eq!(server.call("mi-funcion", Some(&token), INPUT).0, 200);
    let listed = list().finish();
    assert_is_date(&table(&listed)[2][2]);
    assert_live_outcome!("runtime_tokens_list", listed);
    token
}

/// "Revocar token".
fn revoking(sandbox: &Sandbox, server: &Server, [default, ci_deploy]: [&String; 2]) {
    let prefix = &ci_deploy[..11];
    let mut terminal = sandbox
        .jelou(&format!("tokens revoke mi-funcion {prefix}"))
        .in_terminal();
    terminal
        .wait_for(&format!(
            "? Revoke token {prefix}... for mi-funcion? (y/N) "
        ))
        .answer("y");
    assert_live_outcome!("runtime_tokens_revoke", terminal.finish());
    assert_eq!(
        server.call("mi-funcion", Some(ci_deploy), INPUT),
        (401, UNAUTHORIZED.to_owned())
    );
    assert_eq!(server.call("mi-funcion", Some(default), INPUT).0, 200);

    let outcome = sandbox.jelou("tokens revoke mi-funcion default -y").run();
    assert_eq!(outcome.code, 5, "{outcome}");
    assert_eq!(outcome.json()["error"]["code"], "LAST_TOKEN");
    assert_live_outcome!("runtime_tokens_last", outcome);
    assert_eq!(server.call("mi-funcion", Some(default), INPUT).0, 200);
}

/// "Múltiples tokens".
fn several(sandbox: &Sandbox, server: &Server) {
    let tokens: Vec<String> = ["ci-staging", "brain-studio", "partner-api"]
        .iter()
        .map(|name| create(sandbox, name))
        .collect();
    let works = |token: &str| server.call("mi-funcion", Some(token), INPUT).0 == 200;
    assert!(tokens.iter().all(|token| works(token)));
    // Revokes by id, which only the JSON output shows.
    let list = sandbox.jelou("tokens list mi-funcion").run();
    let id = list.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["name"] == "brain-studio")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let revoked = sandbox
        .jelou(&format!("tokens revoke mi-funcion {id} -y"))
        .run();
    assert_eq!(revoked.code, 0, "{revoked}");
    assert!(works(&tokens[0]));
    assert!(!works(&tokens[1]));
    assert!(works(&tokens[2]));
    assert_eq!(
        sandbox
            .jelou("tokens revoke mi-funcion ci-staging -y")
            .run()
            .code,
        0
    );
}

/// "¿Perdiste el token?"
fn losing(sandbox: &Sandbox, server: &Server, lost: &str) {
    let works = |token: &str| server.call("mi-funcion", Some(token), INPUT).0 == 200;
    let new = create(sandbox, "nuevo");
    assert!(works(&new));
    assert!(works(lost));
    assert_eq!(
        sandbox
            .jelou("tokens revoke mi-funcion default -y")
            .run()
            .code,
        0
    );
    assert!(works(&new));
    assert!(!works(lost));
}

/// "CI/CD": the login comes from the environment, and the home has no credentials.
fn in_a_pipeline(sandbox: &Sandbox, server: &Server) {
    let pipeline = sandbox.pipeline(server);
    let outcome = pipeline.shell(
        "TOKEN=$(jelou tokens create mi-funcion --name ci-staging --json | jq -r '.data.token')\n\
         echo \"::add-mask::$TOKEN\"",
    );
    let token = outcome
        .stdout()
        .trim()
        .strip_prefix("::add-mask::")
        .unwrap();
    assert_eq!(server.call("mi-funcion", Some(token), INPUT).0, 200);
}

/// "Brain Studio": the function as an MCP server.
fn in_brain_studio(sandbox: &Sandbox, server: &Server) {
    let token = create(sandbox, "brain-studio");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let request = || {
        let request = server.request("mi-funcion").path("/mcp").body(list);
        request.header("accept", "application/json, text/event-stream")
    };
    assert_eq!(request().send().status, 401);
    let reply = request().header("X-Jelou-Token", &token).send();
    assert_eq!(reply.status, 200, "{reply:?}");
    let tool = &reply.json()["result"]["tools"][0];
    assert!(
        tool["inputSchema"]["properties"]["telefono"].is_object(),
        "{reply:?}"
    );
}

/// The columns have the documented width if no value is wider.
#[test]
fn tokens_that_were_never_used() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &ok());
    let listed = sandbox
        .jelou("tokens list mi-funcion")
        .in_terminal()
        .finish();
    let (header, row) = listed.stdout().split_once('\n').unwrap();
    assert_eq!(
        header,
        "▸ Name          Prefix          Last Used              Created"
    );
    let row = row.trim_end();
    let beginning = format!(
        "▸ default       {}   never                  ",
        dotted(&token)
    );
    assert_is_date(row.strip_prefix(&beginning).unwrap());
}

#[test]
fn the_last_token_goes_by_force() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &ok());
    assert_eq!(server.call("mi-funcion", Some(&token), INPUT).0, 200);
    let line = "tokens revoke mi-funcion default -y --force";
    assert_eq!(sandbox.jelou(line).run().code, 0);
    assert_eq!(server.call("mi-funcion", Some(&token), INPUT).0, 401);
    // A later deploy creates no token, because only the first deploy does.
    assert_eq!(sandbox.deploy("mi-funcion", &ok()), "");
    let new = create(&sandbox, "default");
    assert_eq!(server.call("mi-funcion", Some(&new), INPUT).0, 200);
}

/// The URL that the deploy shows works without any configuration.
#[test]
fn curl_of_the_shown_url() {
    let sandbox = Sandbox::new();
    let _server = Server::start(&sandbox);
    sandbox.function("mi-funcion", &ok());
    let outcome = sandbox.shell(
        "set -e
         cd mi-funcion
         jelou deploy -y > deployed.json
         URL=$(jq -r .data.url deployed.json)
         TOKEN=$(jq -r .data.token deployed.json)
         curl --silent -X POST $URL -H 'Content-Type: application/json' -H \"X-Jelou-Token: $TOKEN\" -d '{}'",
    );
    assert_eq!(outcome.stdout(), r#"{"ok":true}"#, "{outcome}");
}

/// All refusals are identical, whatever their reason.
#[test]
fn every_refusal_looks_the_same() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let valid = sandbox.deploy("mi-funcion", &ok());
    let others = sandbox.deploy("otra-funcion", &ok());
    let revoked = create(&sandbox, "revoked");
    let line = "tokens revoke mi-funcion revoked -y";
    assert_eq!(sandbox.jelou(line).run().code, 0);
    let request = || server.request("mi-funcion").body(INPUT);
    assert_eq!(request().token(&valid).send().status, 200);

    let expired = sandbox
        .jelou("tokens create mi-funcion --name short --expires-in 15s --json")
        .run()
        .json()["data"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(request().token(&expired).send().status, 200);
    eventually("the expiry of a token", || {
        (request().token(&expired).send().status == 401).then_some(())
    });

    let unknown = jelou_token::RuntimeToken::mint().unwrap();
    let mut other_checksum = valid.clone();
    other_checksum.pop();
    other_checksum.push(if valid.ends_with('0') { '1' } else { '0' });
    let reference = comparable(request().send());
    assert_eq!(reference.0, 401);
    assert_eq!(reference.2, UNAUTHORIZED);
    for (case, refused) in [
        (
            "as a bearer token",
            request().header("authorization", &format!("Bearer {valid}")),
        ),
        (
            "in the query",
            request().path(&format!("/?token={valid}&x-jelou-token={valid}")),
        ),
        (
            "in the body",
            request().body(&format!(
                r#"{{"token":"{valid}","X-Jelou-Token":"{valid}"}}"#
            )),
        ),
        (
            "in a cookie",
            request().header("cookie", &format!("x-jelou-token={valid}")),
        ),
        ("empty", request().token("")),
        ("malformed", request().token("abc")),
        ("of a wrong checksum", request().token(&other_checksum)),
        ("unknown", request().token(unknown.expose())),
        ("of another function", request().token(&others)),
        ("revoked", request().token(&revoked)),
        ("expired", request().token(&expired)),
        (
            "5 KB",
            request().token(&format!("{valid}{}", "a".repeat(5 * 1024))),
        ),
        ("sent twice", request().token(&valid).token(&valid)),
        ("two in one", request().token(&format!("{valid}, {valid}"))),
        (
            "an access token",
            request().token(server.access_token.as_ref().unwrap()),
        ),
        (
            "on a route that does not exist",
            request().path("/no/such/route"),
        ),
    ] {
        assert_eq!(comparable(refused.send()), reference, "{case}");
    }
    // The refused requests had no effect.
    assert_eq!(request().token(&valid).send().status, 200);
}

/// Returns everything that must be equal in all refusals: all but the date and the request's id.
fn comparable(reply: Reply) -> (u16, Vec<(String, String)>, String) {
    let mut headers = reply.headers;
    headers.retain(|(name, _)| name != "date" && name != "x-request-id");
    headers.sort();
    (reply.status, headers, reply.body)
}

/// A function that answers `{"ok":true}`.
fn ok() -> String {
    function("() => ({ ok: true })")
}

fn create(sandbox: &Sandbox, name: &str) -> String {
    let outcome = sandbox
        .jelou(&format!("tokens create mi-funcion --name {name} --json"))
        .run();
    let token = outcome.json()["data"]["token"].clone();
    token.as_str().unwrap().to_owned()
}

/// The cells of a table. Each column starts at its title.
fn table(outcome: &Outcome) -> Vec<Vec<String>> {
    let lines: Vec<Vec<char>> = outcome
        .stdout()
        .lines()
        .map(|line| line.chars().collect())
        .collect();
    let header: String = lines[0].iter().collect();
    let mut starts: Vec<usize> = ["Name", "Prefix", "Last Used", "Created"]
        .iter()
        .map(|title| header[..header.find(title).unwrap()].chars().count())
        .collect();
    starts.push(usize::MAX);
    lines
        .iter()
        .map(|line| {
            starts
                .windows(2)
                .map(|column| {
                    let cell = &line[column[0]..column[1].min(line.len())];
                    cell.iter().collect::<String>().trim_end().to_owned()
                })
                .collect()
        })
        .collect()
}

/// Checks a date such as `4/7/2026, 10:30:00 AM`.
fn assert_is_date(text: &str) {
    let digits = text.replace(|c: char| c.is_ascii_digit(), "9");
    let shape = digits.replace("99", "9");
    assert!(
        shape == "9/9/99, 9:9:9 AM" || shape == "9/9/99, 9:9:9 PM",
        "{text}"
    );
}

/// The form of a token in lists.
fn dotted(token: &str) -> String {
    format!("{}..", &token[..11])
}

fn last_word(outcome: &Outcome) -> String {
    outcome
        .stdout()
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned()
}
