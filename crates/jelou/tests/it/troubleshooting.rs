//! The messages that the READMEs and `docs/troubleshooting.md` quote must match the product's output.

use crate::support::{Call, Sandbox, Server, function};

const PAGES: [&str; 3] = [
    include_str!("../../../../README.md"),
    include_str!("../../../../README.es.md"),
    include_str!("../../../../docs/troubleshooting.md"),
];

/// The function that `jelou init` creates.
const TEMPLATE: &str = include_str!("../../templates/index.ts");

/// The address of a closed port.
const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn quoted_messages_are_what_the_product_prints() {
    let printed = printed();
    let quoted = quoted();
    assert!(quoted.len() >= 16, "{quoted:?}");
    for message in quoted {
        assert!(
            printed.lines().any(|line| fits(message, line)),
            "nothing printed fits `{message}`:\n{printed}"
        );
    }
}

/// The Spanish README lacks no part of the English one, and no page that it links.
#[test]
fn the_spanish_readme_is_complete() {
    let [english, spanish, _] = PAGES;
    for (part, translated) in [
        ("\n## The function\n", "\n## La función\n"),
        (
            "\n## Running it for others\n",
            "\n## Poner el servidor en línea\n",
        ),
        ("\n## Not there yet\n", "\n## Lo que todavía falta\n"),
        ("\n## Pipelines\n", "\n### En pipelines\n"),
        (
            "\n## Calling another function\n",
            "\n### Llamar a otra función\n",
        ),
        ("`jelou egress allow ", "`jelou egress allow "),
    ] {
        assert!(english.contains(part), "{part}");
        assert!(spanish.contains(translated), "{translated}");
    }
    let pages = |text: &'static str| {
        let links = text.split("](").skip(1);
        let targets = links.filter_map(|rest| Some(rest.split_once(')')?.0));
        targets.map(|target| target.split('#').next().unwrap_or(target))
    };
    let translated: Vec<_> = pages(spanish).collect();
    let missing: Vec<_> = pages(english)
        .filter(|page| !page.is_empty() && !page.starts_with("README"))
        .filter(|page| !translated.contains(page))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let translated: Vec<_> = commands(spanish).collect();
    let missing: Vec<_> = commands(english)
        .filter(|command| !translated.contains(command))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The commands and settings that the text of a page names, outside of its code blocks. Joins lines.
fn commands(page: &str) -> impl Iterator<Item = String> {
    let (page, _) = page.split_once("\n## M").unwrap();
    let prose = page.split("```").step_by(2);
    let code = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    let code = code.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "));
    code.filter(|code| code.starts_with("jelou ") || code.contains('_'))
}

/// The lines of the pages' `text` blocks.
fn quoted() -> Vec<&'static str> {
    let blocks = PAGES
        .iter()
        .flat_map(|page| page.split("```text\n").skip(1));
    let blocks = blocks.map(|rest| rest.split_once("\n```").unwrap().0);
    blocks.flat_map(str::lines).collect()
}

/// Whether a line matches the message, where `…` stands for any text.
fn fits(message: &str, line: &str) -> bool {
    let (start, rest) = message.split_once('…').unwrap_or((message, ""));
    let Some(mut left) = line.strip_prefix(start) else {
        return false;
    };
    if !message.contains('…') {
        return left.is_empty();
    }
    let mut parts: Vec<&str> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else {
            return false;
        };
        left = after;
    }
    left.ends_with(end)
}

/// Causes every symptom of the page, and returns the output.
fn printed() -> String {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    sandbox.deploy("privada", &function("() => 1"));
    let source = "async () => { try { await Deno.connect({ hostname: \"10.0.0.5\", port: 5432 }); } \
                  catch (error) { return String(error); } }";
    let database = sandbox.deploy("consulta", &function(source));
    let blocked = sandbox.deploy("bloquea", &function("() => { for (;;); }"));
    sandbox
        .jelou("limits set bloquea stall_timeout_ms=500")
        .run();
    let elsewhere = limited(&sandbox, "--name elsewhere --cidr 192.0.2.7");
    let rated = limited(&sandbox, "--name rated --rate 1/d");

    let template = sandbox.deploy("mi-funcion", TEMPLATE);
    let same = sandbox.jelou("deploy mi-funcion -y --human").run();
    sandbox.file(
        "mi-funcion/index.ts",
        TEMPLATE.replace(".min(7)", ".mim(7)"),
    );
    let typo = sandbox.jelou("deploy mi-funcion -y --human").run();

    sandbox.function(
        "clientes",
        "export const url = new URL(process.env.DATABASE_URL!);\n",
    );
    let secret = sandbox.jelou("deploy clientes -y --human").run();

    sandbox.function("lambda", "exports.handler = async () => 1;\n");
    let lambda = sandbox.jelou("deploy lambda -y --human").run();
    sandbox.function("express", "const express = require(\"express\");\n");
    let express = sandbox.jelou("deploy express -y --human").run();

    let call = |slug: &str, token: &str| server.call(slug, Some(token), "{}").1;
    let send = |body: &str| server.call("mi-funcion", Some(&template), body).1;
    let misplaced = |path: &str, name: &str, value: &str| {
        let [path, value] = [path, value].map(|text| text.replace("TOKEN", &template));
        let call = server.request("mi-funcion").path(&path);
        call.header(name, &value).body("{}").send()
    };
    let unknown = sandbox.jelou("functions info nadie --human").run();
    let tunnel = Call::new(server.address(), "abc.tunnel.example").get("/");
    let mut printed = vec![
        server.call("privada", None, "{}").1,
        call("bloquea", &blocked),
        call("privada", &elsewhere),
        call("privada", &rated),
        call("privada", &rated),
        server.call("ninguna", None, "{}").1,
        misplaced("/?token=TOKEN", "x-other", "").body,
        misplaced("/", "x-jelou-token", "Bearer TOKEN").body,
        latin1(&server, &template),
        send("{}"),
        send(r#"{"telefono": "593987", }"#),
        send(&format!("[{}]", " ".repeat(10 * 1024 * 1024))),
        unknown.to_string(),
        tunnel.send().body,
        server
            .call("mi-funcion", Some(&template), r#"{"telefono":"593"}"#)
            .1,
        typo.to_string(),
        secret.to_string(),
        lambda.to_string(),
        express.to_string(),
        same.to_string(),
        call("consulta", &database).replace("\\\"", "\""),
    ];
    printed.extend(deploys_of_many_files(&sandbox));
    let away = sandbox.env("JELOU_API_URL", NOWHERE);
    printed.push(away.jelou("functions list --human").run().to_string());
    let away = away.env("JELOU_TOKEN", server.access_token.as_deref().unwrap());
    printed.push(away.jelou("functions list --human").run().to_string());
    printed.push(server.stop().log());
    printed.join("\n")
}

/// The answer to JSON in Latin-1.
fn latin1(server: &Server, token: &str) -> String {
    let call = server.request("mi-funcion").token(token);
    let body = b"{\"telefono\":\"\xf1and\xfa 1234\"}";
    call.body_bytes(body).send().body
}

/// Deploys whose files are not imported, ignored, too many and too large.
fn deploys_of_many_files(sandbox: &Sandbox) -> [String; 3] {
    let deploy = |folder: &str| {
        let line = format!("deploy {folder} --function {folder} -y --human");
        sandbox.jelou(&line).run().to_string()
    };
    sandbox
        .file("datos/index.ts", function("() => read(\"precios.csv\")"))
        .file("datos/precios.csv", "")
        .file("datos/LICENSE", "")
        .file("ignora/index.ts", "import \"./lib/a.ts\";")
        .file("ignora/.gitignore", "lib/")
        .file("ignora/lib/a.ts", "")
        .file("muchos/index.ts", "read(\"grande.bin\")")
        .file("muchos/grande.bin", vec![0; (10 << 20) + 1]);
    for number in 0..1000 {
        sandbox.file(&format!("muchos/lib/{number}.ts"), "");
    }
    ["datos", "ignora", "muchos"].map(deploy)
}

/// Creates a token of `privada` with limits.
fn limited(sandbox: &Sandbox, flags: &str) -> String {
    let outcome = sandbox
        .jelou(&format!("tokens create privada {flags} --json"))
        .run();
    let token = outcome.json()["data"]["token"].clone();
    token.as_str().unwrap().to_owned()
}
