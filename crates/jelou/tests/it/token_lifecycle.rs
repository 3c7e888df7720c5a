//! Rotation, disabling and changes of tokens, from the command to the next call.

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Serve, Server, eventually, function, mistyped};

struct Fixture {
    sandbox: Sandbox,
    server: Server,
}

impl Fixture {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        let server = Server::start(&sandbox);
        sandbox.deploy("fine", &function("() => \"ok\""));
        Self { sandbox, server }
    }

    /// Kills the server, and starts it again.
    fn kill(self) -> Self {
        let Self { sandbox, server } = self;
        let server = Serve::new(&sandbox).on(&server.kill()).start();
        Self { sandbox, server }
    }

    fn run(&self, command: &str) -> Outcome {
        self.sandbox.jelou(command).run()
    }

    /// The `data` of a command that succeeds.
    fn data(&self, command: &str) -> Value {
        let outcome = self.run(&format!("{command} --json"));
        assert_eq!(outcome.code, 0, "{command}: {outcome}");
        outcome.json()["data"].clone()
    }

    fn create(&self, flags: &str) -> String {
        text(&self.data(&format!("tokens create fine {flags}")), "token")
    }

    fn call(&self, token: &str) -> u16 {
        self.server.call("fine", Some(token), "{}").0
    }

    /// Like [`Self::call`], for a process that may start slowly on a busy machine.
    fn settled(&self, token: &str) -> u16 {
        eventually("an answer that is not 503", || {
            Some(self.call(token)).filter(|status| *status != 503)
        })
    }

    fn status(&self, name: &str) -> String {
        text(&self.data(&format!("tokens info fine {name}")), "status")
    }
}

fn text(data: &Value, key: &str) -> String {
    data[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} of {data}"))
        .to_owned()
}

#[test]
fn a_rotated_token_has_two_values_until_the_grace_period_ends() {
    let fixture = Fixture::start();
    let first = fixture.create("--name ci --rate 1000/s");
    let id = text(&fixture.data("tokens info fine ci"), "id");

    let rotated = fixture.data("tokens rotate fine ci --grace 24h");
    let second = text(&rotated, "token");
    assert_eq!(text(&rotated, "id"), id);
    assert_eq!(rotated["rate"], "1000/s");
    assert_eq!((fixture.call(&first), fixture.call(&second)), (200, 200));
    let info = fixture.data("tokens info fine ci");
    assert_eq!(info["status"], "grace");
    assert!(info["previous"]["lastUsedAt"].is_string(), "{info}");

    fixture.data("tokens rotate fine ci --finish -y");
    assert_eq!((fixture.call(&first), fixture.call(&second)), (401, 200));
    let again = fixture.run("tokens rotate fine ci --finish -y");
    assert_eq!(again.code, 5, "{again}");

    // Without a grace period, the old value ends at once.
    let third = text(&fixture.data("tokens rotate fine ci -y"), "token");
    assert_eq!((fixture.call(&second), fixture.call(&third)), (401, 200));

    // The fourth value was never used, as if its response was lost: the retry keeps the third value valid.
    let fourth = text(&fixture.data("tokens rotate fine ci --grace 1h"), "token");
    let rotated = fixture.data("tokens rotate fine ci --grace 1h");
    assert!(
        rotated["warnings"][0]
            .as_str()
            .unwrap()
            .contains("no longer works"),
        "{rotated}"
    );
    let fifth = text(&rotated, "token");
    let calls = [&third, &fourth, &fifth].map(|token| fixture.call(token));
    assert_eq!(calls, [200, 401, 200]);

    // The fifth value is in use now, so the next rotation ends the third one.
    let sixth = text(&fixture.data("tokens rotate fine ci --grace 1h"), "token");
    let calls = [&third, &fifth, &sixth].map(|token| fixture.call(token));
    assert_eq!(calls, [401, 200, 200]);
    let seventh = text(&fixture.data("tokens rotate fine ci --grace 0 -y"), "token");
    let calls = [&fifth, &sixth, &seventh].map(|token| fixture.call(token));
    assert_eq!(calls, [401, 401, 200]);

    fixture.data("tokens revoke fine ci -y");
    assert_eq!(fixture.call(&seventh), 401);
}

/// A kill directly after the acknowledgement loses no change. A quota loses few counts.
#[test]
fn acknowledged_changes_survive_a_kill() {
    let fixture = Fixture::start();
    let first = fixture.create("--name ci");
    let second = text(&fixture.data("tokens rotate fine ci --grace 1h"), "token");
    let fixture = fixture.kill();
    assert_eq!(
        (fixture.settled(&first), fixture.settled(&second)),
        (200, 200)
    );
    fixture.data("tokens update fine ci --quota 3/month");
    let fixture = fixture.kill();
    assert_eq!(fixture.settled(&second), 200);
    assert_eq!(fixture.data("tokens info fine ci")["quota"], "3/month");
    fixture.data("tokens rotate fine ci --finish -y");
    let fixture = fixture.kill();
    assert_eq!(fixture.settled(&first), 401);
    fixture.data("tokens disable fine ci -y");
    let fixture = fixture.kill();
    assert_eq!(fixture.settled(&second), 401);
    fixture.data("tokens enable fine ci");
    let fixture = fixture.kill();
    // The count may lose one call, but the limit applies.
    let calls: Vec<_> = (0..4).map(|_| fixture.settled(&second)).collect();
    assert_eq!(calls[0], 200);
    assert_eq!(calls[3], 429);
}

#[test]
fn tokens_move_to_another_function_by_a_file() {
    let fixture = Fixture::start();
    let token = fixture.create("--name ci --quota 100/day@America/Guayaquil --tag ci");
    fixture.call(&token);
    let wide = fixture.run("tokens list fine --wide --human").to_string();
    assert!(
        wide.contains("Refused") && wide.contains("100/day@America/Guayaquil"),
        "{wide}"
    );
    let file = fixture.sandbox.home().join("tokens.json");
    let file = file.to_str().unwrap();
    fixture.data(&format!("functions tokens export fine -o {file}"));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        !text.contains("jfn_rt_") || !text.contains(&token),
        "{text}"
    );
    let clash = fixture.run(&format!("tokens import fine {file} --dry-run"));
    assert_eq!(clash.code, 0, "{clash}");
    assert_eq!(clash.json()["data"]["items"][1]["outcome"], "alreadyHere");
    let info = fixture.data("tokens info fine ci");
    assert_eq!(info["usage"]["total"]["calls"], 1, "{info}");
    let stolen = fixture.run("functions create --slug other --json");
    assert_eq!(stolen.code, 0, "{stolen}");
    let refused = fixture.run(&format!("tokens import other {file} --json"));
    assert_eq!(refused.code, 5, "{refused}");
    assert!(
        refused.to_string().contains("nothing was imported"),
        "{refused}"
    );
}

#[test]
fn a_rotation_without_a_grace_period_is_confirmed() {
    let fixture = Fixture::start();
    let first = fixture.create("--name ci");
    let refused = fixture.run("tokens rotate fine ci --json");
    assert_eq!(refused.code, 2, "{refused}");
    assert_eq!(fixture.call(&first), 200);
    let mut terminal = fixture.sandbox.jelou("tokens rotate fine ci").in_terminal();
    terminal.wait_for("(y/N) ").answer("y");
    let shown = terminal.finish();
    assert_eq!(shown.code, 0, "{shown}");
    assert_eq!(fixture.call(&first), 401);
}

#[test]
fn both_values_survive_a_restart() {
    let fixture = Fixture::start();
    let first = fixture.create("--name ci");
    let rotated = fixture.data("tokens rotate fine ci --grace 1h");
    let second = text(&rotated, "token");
    let disabled = fixture.create("--name off");
    fixture.data("tokens disable fine off -y");
    let Fixture { sandbox, server } = fixture;
    let server = Serve::new(&sandbox).on(&server.stop()).start();
    let fixture = Fixture { sandbox, server };
    let calls = [&first, &second, &disabled].map(|token| fixture.call(token));
    assert_eq!(calls, [200, 200, 401]);
}

#[test]
fn a_disabled_token_calls_nothing_until_it_is_enabled() {
    let fixture = Fixture::start();
    let token = fixture.create("--name ci");
    fixture.data("tokens disable fine ci -y");
    assert_eq!(fixture.call(&token), 401);
    assert_eq!(fixture.status("ci"), "disabled");
    let last = fixture.run("tokens disable fine default -y");
    assert_eq!(last.code, 5, "{last}");
    assert!(last.to_string().contains("last active token"), "{last}");
    fixture.data("tokens enable fine ci");
    assert_eq!(fixture.call(&token), 200);
    assert_eq!(fixture.status("ci"), "active");
}

#[test]
fn a_change_of_limits_binds_the_next_call() {
    let fixture = Fixture::start();
    let token = fixture.create("--name ci");
    let change = |flags: &str| fixture.data(&format!("tokens update fine ci {flags}"));
    for (flags, status) in [
        ("--scope mcp", 403),
        ("--remove scopes", 200),
        ("--cidr 192.0.2.0/24", 403),
        ("--cidr 127.0.0.0/8", 200),
        ("--remove cidrs --rate 2/d", 200),
    ] {
        change(flags);
        assert_eq!(fixture.call(&token), status, "{flags}");
    }
    // A change that leaves the rate as it is does not reset the count of calls.
    change("--owner pagos --purpose CI --tag ci --tag web");
    assert_eq!((fixture.call(&token), fixture.call(&token)), (200, 429));
    let renamed = fixture.data("tokens rename fine ci --name deploy");
    assert_eq!(
        (&renamed["name"], &renamed["owner"]),
        (&"deploy".into(), &"pagos".into())
    );
    assert_eq!(renamed["tags"], serde_json::json!(["ci", "web"]));
    assert_eq!(fixture.call(&token), 429);

    let expiring = fixture.data("tokens update fine deploy --expires-in 2d --remove rate");
    assert!(expiring["expiresAt"].is_string(), "{expiring}");
    assert_eq!(fixture.status("deploy"), "expiring");
    fixture.data("tokens update fine deploy --remove expiry");
    assert_eq!(fixture.status("deploy"), "active");
    assert_eq!(fixture.call(&token), 200);

    for (flags, message) in [
        ("", "nothing to change"),
        ("--rate 5/s --remove rate", "exclude each other"),
        ("--expires-at 2001-01-01", "is in the past"),
        ("--tag Ci", "is not a tag"),
        ("--remove everything", "invalid value"),
    ] {
        let refused = fixture.run(&format!("tokens update fine deploy {flags}"));
        assert!(
            refused.code != 0 && refused.to_string().contains(message),
            "{flags}: {refused}"
        );
    }
}

#[test]
fn a_group_of_tokens_is_revoked_at_once() {
    let fixture = Fixture::start();
    let tagged: Vec<_> = ["a", "b"]
        .map(|name| fixture.create(&format!("--name {name} --tag ci")))
        .into();
    let other = fixture.create("--name c --tag web");
    let nothing = fixture.run("tokens revoke fine --tag nobody -y");
    assert_eq!(nothing.code, 4, "{nothing}");
    let both = fixture.run("tokens revoke fine a --tag ci -y");
    assert_eq!(both.code, 2, "{both}");
    let revoked = fixture.data("tokens revoke fine --tag ci -y");
    assert_eq!(revoked["revoked"].as_array().unwrap().len(), 2, "{revoked}");
    let calls: Vec<_> = tagged.iter().map(|token| fixture.call(token)).collect();
    assert_eq!((calls, fixture.call(&other)), (vec![401, 401], 200));

    // One access token created the other tokens; nothing is revoked if no active token would remain.
    let creator = text(&fixture.data("tokens info fine c"), "createdBy");
    let refused = fixture.run(&format!("tokens revoke fine --created-by {creator} -y"));
    assert_eq!(refused.code, 5, "{refused}");
    assert_eq!(fixture.call(&other), 200);
}

#[test]
fn a_refusal_names_the_state_of_the_token() {
    let fixture = Fixture::start();
    let token = fixture.create("--name ci");
    fixture.data("tokens disable fine ci -y");
    assert_eq!(fixture.call(&token), 401);
    let rotated = fixture.create("--name old");
    fixture.data("tokens rotate fine old -y");
    assert_eq!(fixture.call(&rotated), 401);
    let log = fixture.server.stop().log();
    assert!(log.contains("the token is disabled"), "{log}");
    assert!(log.contains("the old value of a rotated token"), "{log}");
    assert!(!log.contains(&token) && !log.contains(&rotated));
}

#[test]
fn leaked_tokens_are_revoked_by_their_values() {
    let fixture = Fixture::start();
    fixture.sandbox.deploy("other", &function("() => \"ok\""));
    let default = fixture.data("tokens rotate fine default -y");
    let default = text(&default, "token");
    let old = fixture.create("--name ci");
    let rotated = text(&fixture.data("tokens rotate fine ci --grace 1h"), "token");
    let unknown = jelou_token::RuntimeToken::mint().unwrap();
    let access = fixture.data("access-tokens create --name bot --scope functions:read");
    let access = text(&access, "token");
    let admin = fixture.server.access_token.clone().unwrap();
    let mistyped = mistyped(&default);
    let leak = format!(
        "commit 1\nTOKEN={default};\n\"{old}\" {}\n{access}\n{admin} {default}\n{mistyped}",
        unknown.expose()
    );
    let revoke = || {
        let outcome = fixture
            .sandbox
            .jelou("tokens revoke-leaked - -y --json")
            .run_with_stdin(&leak);
        assert_eq!(outcome.code, 0, "{outcome}");
        let shown = outcome.to_string();
        for value in [&default, &old, &rotated, &access] {
            assert!(!shown.contains(value.as_str()), "{shown}");
        }
        let reports = outcome.json()["data"].as_array().unwrap().clone();
        let outcomes = reports.iter().map(|report| text(report, "outcome"));
        outcomes.collect::<Vec<_>>()
    };
    assert_eq!(
        revoke(),
        [
            "revoked",
            "oldValueEnded",
            "unknown",
            "revoked",
            "lastAdministrator",
            "malformed"
        ]
    );
    let calls = [&default, &old, &rotated].map(|token| fixture.call(token));
    assert_eq!(calls, [401, 401, 200]);
    assert_eq!(
        fixture
            .server
            .manage(&access, "/v1/functions")
            .send()
            .status,
        401
    );
    assert_eq!(revoke()[..2], ["alreadyInvalid", "alreadyInvalid"]);
    let audit = fixture.data("audit");
    assert!(audit.to_string().contains("token.revoke"), "{audit}");

    let unconfirmed = fixture
        .sandbox
        .jelou("tokens revoke-leaked -")
        .run_with_stdin(&rotated);
    assert_eq!(unconfirmed.code, 2, "{unconfirmed}");
    assert_eq!(fixture.call(&rotated), 200);
}

#[test]
fn tokens_are_inspected_without_a_server() {
    let sandbox = Sandbox::new();
    let token = jelou_token::RuntimeToken::mint().unwrap();
    let value = token.expose();
    let text = format!("a={value} {} jfn_rt_short jfn_xx_1", mistyped(value));
    let outcome = sandbox
        .jelou("tokens inspect - --json")
        .run_with_stdin(&text);
    assert_eq!(outcome.code, 0, "{outcome}");
    assert!(!outcome.to_string().contains(value), "{outcome}");
    let data = outcome.json()["data"].clone();
    let valid: Vec<_> = data
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["valid"].clone())
        .collect();
    assert_eq!(valid, [true, false, false, false], "{data}");
    assert_eq!(data[0]["prefix"], token.display_prefix().as_str());
    let nothing = sandbox.jelou("tokens inspect -").run_with_stdin("hello");
    assert_eq!(nothing.code, 7, "{nothing}");
}

/// A deployment keeps its sources, and everybody with access to it could read the token.
#[test]
fn a_source_file_with_a_working_token_is_refused() {
    let fixture = Fixture::start();
    let token = fixture.create("--name ci");
    let source = function(&format!("() => 1;\n// {token}\n()"));
    fixture.sandbox.function("leaky", &source);
    let refused = fixture.run("deploy leaky --create -y");
    assert_eq!(refused.code, 7, "{refused}");
    let shown = refused.to_string();
    assert!(
        shown.contains("index.ts:") && shown.contains("token that works"),
        "{shown}"
    );
    assert!(!shown.contains(&token), "{shown}");
    // A token that no longer works reveals nothing.
    fixture.data("tokens revoke fine ci -y");
    let harmless = function(&format!("() => \"{token}\""));
    fixture.sandbox.deploy("leaky", &harmless);
}
