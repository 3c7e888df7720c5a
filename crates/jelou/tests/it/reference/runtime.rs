//! The page about the runtime, with values from a real worker.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::support::{Sandbox, Server};

#[derive(Deserialize)]
struct Found {
    /// Groups of expressions with equal values.
    identity: Vec<Vec<(String, String)>>,
    files: Vec<(String, String)>,
    /// Name, whether it can be imported, and an example with its result.
    modules: Vec<Vec<String>>,
    web: Vec<Part>,
    refused: Vec<(String, String, String)>,
}

/// A part of the web's API.
#[derive(Deserialize)]
struct Part {
    kind: String,
    present: Vec<String>,
    absent: Vec<String>,
}

/// Fills the tables into the text around them.
pub(super) fn page(text: &str) -> String {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = sandbox.deploy("mi-funcion", include_str!("runtime.ts"));
    let (status, body) = server.call("mi-funcion", Some(&token), "{}");
    assert_eq!(status, 200, "{body}");
    let found: Found = serde_json::from_str(&body).unwrap();
    let identity = table(found.identity.iter().map(|same| {
        let values: BTreeSet<_> = same.iter().map(|(_, value)| value).collect();
        assert_eq!(values.len(), 1, "{same:?}");
        let expressions: Vec<_> = same
            .iter()
            .map(|(expression, _)| code(expression))
            .collect();
        vec![expressions.join(", "), code(&same[0].1)]
    }));
    let files = table(
        found
            .files
            .iter()
            .map(|(expression, result)| vec![code(expression), code(result)]),
    );
    let modules = table(found.modules.iter().map(|module| {
        let mut row = vec![code(&format!("node:{}", module[0])), module[1].clone()];
        let example = module[2..].iter().map(|text| code(text));
        row.extend(example.chain([String::new(), String::new()]).take(2));
        row
    }));
    let web = table(found.web.iter().map(|part| {
        let names = |names: &[String]| {
            names
                .iter()
                .map(|name| code(name))
                .collect::<Vec<_>>()
                .join(", ")
        };
        vec![part.kind.clone(), names(&part.present), names(&part.absent)]
    }));
    let refused = table(
        found
            .refused
            .iter()
            .map(|(expression, result, why)| vec![code(expression), code(result), why.clone()]),
    );
    text.replace("{identity}", &identity)
        .replace("{files}", &files)
        .replace("{modules}", &modules)
        .replace("{web}", &web)
        .replace("{refused}", &refused)
}

fn table(rows: impl Iterator<Item = Vec<String>>) -> String {
    let lines: Vec<_> = rows.map(|row| format!("| {} |", row.join(" | "))).collect();
    lines.join("\n")
}

fn code(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('\n', " ");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}
