//! Deploys that would replace another user's function, or create a function by a mistyped name.

use crate::support::{Sandbox, Server, assert_live_outcome, function};

/// A live function, and a second folder with the same slug.
fn start() -> (Sandbox, Server, String) {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", &function("() => 1"));
    sandbox
        .file("copia/index.ts", function("() => 2"))
        .file("copia/jelou.json", r#"{"function": "mi-funcion"}"#);
    (sandbox, server, token)
}

#[test]
fn a_live_function_is_not_replaced_by_its_name_alone() {
    let (sandbox, server, token) = start();
    let answer = || server.call("mi-funcion", Some(&token), "{}").1;

    assert_live_outcome!(sandbox.jelou("deploy copia -y").run());
    let bare = sandbox.jelou("deploy copia --function mi-funcion -y").run();
    assert_eq!(bare.code, 5, "{bare}");
    let mut terminal = sandbox.jelou("deploy copia").in_terminal();
    terminal.wait_for("(y/N) ").answer("");
    assert_live_outcome!(terminal.finish());
    assert_eq!(answer(), "1");

    // A dry run changes nothing and prints what the deploy would do.
    let dry = sandbox.jelou("deploy copia --dry-run").run();
    assert_eq!(dry.code, 0, "{dry}");
    assert!(dry.json()["data"]["replaces"].is_string(), "{dry}");
    assert_eq!(answer(), "1");

    let mut terminal = sandbox.jelou("deploy copia").in_terminal();
    terminal.wait_for("(y/N) ").answer("y");
    assert_eq!(terminal.finish().code, 0);
    assert_eq!(answer(), "2");
    // The folder now contains the function's id.
    let again = sandbox.jelou("deploy copia -y").run();
    assert_eq!(again.code, 0, "{again}");
    let own = sandbox.jelou("deploy mi-funcion -y").run();
    assert_eq!(own.code, 0, "{own}");
    assert_eq!(answer(), "1");
}

/// A jelou.json allows a replacement only with the id of the function that is live.
#[test]
fn a_name_with_another_id_is_no_permission() {
    let (sandbox, server, token) = start();
    let script =
        "set -e; mkdir segunda; cd segunda; jelou init mi-funcion; jelou deploy mi-funcion -y";
    let initialized = sandbox.shell(script);
    assert_eq!(initialized.code, 5, "{initialized}");
    sandbox.file(
        "copia/jelou.json",
        r#"{"function": "mi-funcion", "id": "func_01arz3ndektsv4rrffq69g5fav"}"#,
    );
    let other = sandbox.jelou("deploy copia -y").run();
    assert_eq!(other.code, 5, "{other}");
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "1");

    // The function of this name is a new one, and the first folder has the id of the old one.
    let deleted = sandbox.jelou("functions delete mi-funcion -y").run();
    assert_eq!(deleted.code, 0, "{deleted}");
    sandbox.file("copia/jelou.json", r#"{"function": "mi-funcion"}"#);
    let created = sandbox.jelou("deploy copia -y").run();
    assert_eq!(created.code, 0, "{created}");
    let token = created.json()["data"]["token"].as_str().unwrap().to_owned();
    let old = sandbox.jelou("deploy mi-funcion -y").run();
    assert_eq!(old.code, 5, "{old}");
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "2");
}

#[test]
fn replace_and_link_allow_it() {
    let (sandbox, server, token) = start();
    let answer = || server.call("mi-funcion", Some(&token), "{}").1;
    let replaced = sandbox.jelou("deploy copia -y --replace").run();
    assert_eq!(replaced.code, 0, "{replaced}");
    assert_eq!(answer(), "2");

    sandbox.file("otra/index.ts", function("() => 3")).file(
        "otra/jelou.json",
        r#"{"function": "mi-funcion", "extra": 1}"#,
    );
    assert_live_outcome!(sandbox.jelou("init otra --mode link --human").run());
    assert!(sandbox.read("otra/jelou.json").contains("extra"));
    let linked = sandbox.jelou("deploy otra -y").run();
    assert_eq!(linked.code, 0, "{linked}");
    assert_eq!(answer(), "3");
}

/// Linking writes no code unless the user requests it.
#[test]
fn link_leaves_the_code_alone() {
    let (sandbox, _server, _token) = start();
    let mut terminal = sandbox
        .jelou("init nueva --mode link --slug mi-funcion")
        .in_terminal();
    terminal.wait_for("into this folder? (Y/n) ").answer("n");
    assert_live_outcome!(terminal.finish());
    let mut names: Vec<_> = std::fs::read_dir(sandbox.project().join("nueva"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".jelou", "jelou.json"]);
    // Without a terminal, the command suggests downloading the code instead of a deploy.
    assert_live_outcome!(
        sandbox
            .jelou("init nueva --mode link --slug mi-funcion")
            .run()
    );

    let other = sandbox.jelou("init copia --mode link --slug otra").run();
    assert_eq!(other.code, 4, "{other}");
    sandbox.file("copia/jelou.json", r#"{"function": "otra"}"#);
    let other = sandbox
        .jelou("init copia --mode link --slug mi-funcion")
        .run();
    assert_eq!(other.code, 5, "{other}");
}

#[test]
fn link_downloads_the_live_code() {
    let (sandbox, server, token) = start();
    let mut terminal = sandbox
        .jelou("init nueva --mode link --slug mi-funcion")
        .in_terminal();
    terminal.wait_for("into this folder? (Y/n) ").answer("");
    assert_live_outcome!(terminal.finish());
    assert_eq!(sandbox.read("nueva/index.ts"), function("() => 1"));
    sandbox.file("nueva/index.ts", function("() => 4"));
    let deployed = sandbox.jelou("deploy nueva -y").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    assert_eq!(server.call("mi-funcion", Some(&token), "{}").1, "4");

    assert_eq!(sandbox.jelou("functions create vacia").run().code, 0);
    let outcomes = [
        // The folder's own code is kept.
        "init copia --mode link --download --human",
        "init vacia --mode link --human",
        "init vacia --mode link --download --human",
        "init otra --download --human",
    ]
    .map(|line| format!("jelou {line}\n{}", sandbox.jelou(line).run()));
    assert_live_outcome!(outcomes.join("\n"));
    assert_eq!(sandbox.read("copia/index.ts"), function("() => 2"));
    let forced = sandbox
        .jelou("init copia --mode link --download --force")
        .run();
    assert_eq!(forced.code, 0, "{forced}");
    assert_eq!(sandbox.read("copia/index.ts"), function("() => 4"));
}

#[test]
fn a_mistyped_slug_creates_no_function() {
    let (sandbox, _server, _token) = start();
    let line = "deploy mi-funcion --function mi-funcoin";
    assert_live_outcome!(sandbox.jelou(&format!("{line} -y")).run());
    let mut terminal = sandbox.jelou(line).in_terminal();
    terminal
        .wait_for("? Create new function `mi-funcoin` on http://")
        .answer("");
    let declined = terminal.finish();
    assert_eq!(declined.code, 1, "{declined}");
    let list = sandbox.jelou("functions list").run();
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 1, "{list}");

    let created = sandbox.jelou(&format!("{line} -y --create")).run();
    assert_eq!(created.code, 0, "{created}");
    assert!(created.json()["data"]["token"].is_string());
}

#[test]
fn a_function_that_was_never_deployed_is_nobody_elses() {
    let (sandbox, _server, _token) = start();
    assert_eq!(sandbox.jelou("functions create nueva").run().code, 0);
    sandbox.function("nueva", &function("() => 1"));
    let deployed = sandbox.jelou("deploy nueva -y").run();
    assert_eq!(deployed.code, 0, "{deployed}");
    assert!(deployed.json()["data"]["token"].is_string());
}

/// Both addresses of a function on this machine work.
#[test]
fn the_address_for_tools_that_cannot_resolve_localhost() {
    let (sandbox, _server, token) = start();
    let deployed = sandbox.jelou("deploy mi-funcion -y").run();
    let url = deployed.json()["data"]["localUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    let script = format!("curl --silent -X POST {url} -H 'X-Jelou-Token: {token}' -d '{{}}'");
    assert_eq!(sandbox.shell(&script).stdout(), "1");
    let python = format!(
        "python3 -c \"import urllib.request as u
r = u.Request('{url}', b'{{}}', {{'X-Jelou-Token': '{token}'}})
print(u.urlopen(r).read().decode(), end='')\""
    );
    assert_eq!(sandbox.shell(&python).stdout(), "1");
    let node = format!(
        "node -e \"fetch('{url}', {{ method: 'POST', body: '{{}}', headers: {{ 'X-Jelou-Token': '{token}' }} }})\
         .then((r) => r.text()).then((text) => process.stdout.write(text))\""
    );
    assert_eq!(sandbox.shell(&node).stdout(), "1");
    let info = sandbox.jelou("functions info mi-funcion --human").run();
    assert!(info.stdout().contains(&url), "{info}");
}
