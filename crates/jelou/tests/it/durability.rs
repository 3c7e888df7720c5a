//! Acknowledged changes survive a kill of the server directly after the acknowledgement.

use std::sync::Arc;
use std::thread;

use serde_json::json;

use crate::support::{DataFolder, Sandbox, Serve, Server, eventually, function, times};

/// The acknowledged state.
struct Known {
    version: usize,
    secret: usize,
    tokens: Vec<(String, String)>,
    revoked: Vec<String>,
}

/// A function that returns its version and its secret.
fn source(version: usize) -> String {
    function(&format!(
        "(input, ctx) => ({{ version: {version}, secret: ctx.env.get('SECRET') ?? '0' }})"
    ))
}

#[test]
fn kill_after_each_acknowledgement() {
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let start = || Serve::new(&sandbox).on(&data).start();
    let mut server = start();
    let access_token = server.access_token.clone().unwrap();
    let token = sandbox.deploy("mi-funcion", &source(0));
    let mut known = Known {
        version: 0,
        secret: 0,
        tokens: vec![("default".to_owned(), token)],
        revoked: Vec::new(),
    };
    known.check(&server, &access_token);
    for round in 1..=times(10, 200) {
        assert!(!data.workers().is_empty());
        known.change(round, &server, &access_token);
        server.kill();
        server = start();
        assert_eq!(server.access_token, None);
        known.check(&server, &access_token);
    }
}

/// A deploy that a kill interrupts is stored completely or not at all.
#[test]
fn kill_during_a_deploy() {
    let sandbox = Sandbox::new();
    let data = Arc::new(DataFolder::new());
    let start = || Serve::new(&sandbox).on(&data).start();
    let mut server = start();
    let access_token = server.access_token.clone().unwrap();
    let token = sandbox.deploy("mi-funcion", &source(0));
    let artifacts = || {
        let folder = std::fs::read_dir(data.path().join("artifacts"));
        folder.unwrap().count()
    };
    let runs = |tool: &str| {
        let processes = data.processes();
        processes
            .iter()
            .any(|process| process.command_line.contains(tool))
    };
    let mut live = 0;
    for round in 1..=times(3, 60) {
        let before = artifacts();
        let reached = || match round % 3 {
            1 => runs(" info "),
            2 => runs(" bundle "),
            _ => artifacts() > before,
        };
        let files = json!({"files": [{"path": "index.ts", "content": source(round)}]});
        let request = server
            .manage(&access_token, "/v1/functions/mi-funcion/deployments")
            .body(&files.to_string());
        let deploying = thread::spawn(move || request.try_send());
        eventually("the moment to kill", || {
            (reached() || deploying.is_finished()).then_some(())
        });
        server.kill();
        let acknowledged = deploying.join().unwrap();
        let acknowledged = acknowledged.is_ok_and(|reply| reply.status == 201);

        server = start();
        let reply = server.request("mi-funcion").token(&token).send();
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = usize::try_from(reply.json()["version"].as_u64().unwrap()).unwrap();
        assert!(
            seen == round || (seen == live && !acknowledged),
            "{seen} after {live} and {round} (acknowledged: {acknowledged})"
        );
        live = seen;
    }
}

impl Known {
    /// Makes a change. Returns as soon as the server has acknowledged it.
    fn change(&mut self, round: usize, server: &Server, access_token: &str) {
        let manage =
            |path: &str| server.manage(access_token, &format!("/v1/functions/mi-funcion/{path}"));
        match round % 4 {
            1 => {
                let files = json!({"files": [{"path": "index.ts", "content": source(round)}]});
                let reply = manage("deployments").body(&files.to_string()).send();
                assert_eq!(reply.status, 201, "{reply:?}");
                self.version = round;
            }
            2 => {
                let name = format!("t{round}");
                let body = json!({ "name": name }).to_string();
                let reply = manage("tokens").body(&body).send();
                assert_eq!(reply.status, 201, "{reply:?}");
                let token = reply.json()["token"].as_str().unwrap().to_owned();
                self.tokens.push((name, token));
            }
            3 => {
                let secrets = json!({"secrets": {"SECRET": round.to_string()}});
                let request = manage("secrets").method("PATCH");
                let reply = request.body(&secrets.to_string()).send();
                assert_eq!(reply.status, 200, "{reply:?}");
                self.secret = round;
            }
            _ => {
                let (name, token) = self.tokens.remove(0);
                let request = manage(&format!("tokens/{name}")).method("DELETE");
                let reply = request.body("").send();
                assert_eq!(reply.status, 204, "{reply:?}");
                self.revoked.push(token);
            }
        }
    }

    fn check(&self, server: &Server, access_token: &str) {
        let answer = json!({"version": self.version, "secret": self.secret.to_string()});
        for (name, token) in &self.tokens {
            let reply = server.request("mi-funcion").token(token).send();
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
            assert_eq!(reply.json(), answer, "{name}");
        }
        for token in &self.revoked {
            let reply = server.request("mi-funcion").token(token).send();
            assert_eq!(reply.status, 401, "{reply:?}");
        }
        let listed = server
            .manage(access_token, "")
            .get("/v1/functions/mi-funcion/tokens")
            .send();
        let mut listed: Vec<String> = listed.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|token| token["name"].as_str().unwrap().to_owned())
            .collect();
        listed.sort();
        let mut names: Vec<String> = self.tokens.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        assert_eq!(listed, names);
    }
}
