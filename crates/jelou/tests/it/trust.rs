//! Pipelines without a stored secret: commands log in with the identity token of the job.

#[expect(dead_code, reason = "the tests of the server use the rest")]
#[path = "../../../jelou-server/tests/it/trust/issuer.rs"]
mod issuer;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::nodes::{Cluster, returning};
use crate::support::{Outcome, Sandbox, Server, function};
use issuer::{Issuer, Key};

/// The service of GitHub Actions that issues identity tokens to jobs.
pub(crate) struct Actions {
    url: String,
    issuer: Issuer,
    key: Arc<Key>,
}

const REQUEST_TOKEN: &str = "token-of-the-runner";

impl Actions {
    pub(crate) fn start() -> Self {
        let key = Arc::new(Key::ec());
        let issuer = Issuer::start(vec![key.jwk("one")]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "http://{}/token?api-version=2.0",
            listener.local_addr().unwrap()
        );
        let (of_thread, issuer_url) = (Arc::clone(&key), issuer.url.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let authorised = format!("authorization: bearer {REQUEST_TOKEN}");
                let is_runner = head
                    .iter()
                    .any(|line| line.eq_ignore_ascii_case(&authorised));
                let audience = head[0].split("&audience=").nth(1);
                let (status, body) = match (is_runner, audience) {
                    (true, Some(audience)) => {
                        let audience = audience.split(' ').next().unwrap();
                        let audience = audience.replace("%3A", ":").replace("%2F", "/");
                        let claims = claims(&issuer_url, &audience);
                        ("200 OK", json!({ "value": of_thread.sign("one", &claims) }))
                    }
                    _ => ("401 Unauthorized", json!({})),
                };
                let body = body.to_string();
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url, issuer, key }
    }

    pub(crate) fn issuer_url(&self) -> &str {
        &self.issuer.url
    }

    /// The identity token of a job.
    pub(crate) fn assertion(&self, audience: &str) -> String {
        self.key.sign("one", &claims(&self.issuer.url, audience))
    }
}

fn claims(issuer: &str, audience: &str) -> Value {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let now = jiff::Timestamp::now().as_second();
    json!({
        "iss": issuer, "aud": audience, "sub": "repo:org/repo:environment:production",
        "iat": now, "exp": now + 300, "jti": NEXT.fetch_add(1, Ordering::Relaxed).to_string(),
        "repository": "org/repo", "repository_id": "11", "repository_owner_id": "22",
        "workflow_ref": "org/repo/.github/workflows/deploy.yml@refs/heads/main",
        "environment": "production", "event_name": "push",
    })
}

struct Fixture {
    admin: Sandbox,
    server: Server,
    actions: Actions,
}

impl Fixture {
    fn start() -> Self {
        let admin = Sandbox::new();
        let server = Server::start(&admin);
        let actions = Actions::start();
        let fixture = Self {
            admin,
            server,
            actions,
        };
        fixture.run(&format!(
            "trust create --issuer github --issuer-url {} --repository org/repo --workflow deploy.yml \
             --environment production --scope deploy:fine",
            fixture.actions.issuer.url
        ));
        fixture
    }

    fn run(&self, line: &str) -> Value {
        let outcome = self.admin.jelou(&format!("{line} --json")).run();
        assert_eq!(outcome.code, 0, "{line}: {outcome}");
        outcome.json()["data"].clone()
    }

    fn api(&self) -> String {
        format!("http://{}", self.server.address())
    }

    fn job(&self) -> Sandbox {
        let job = Sandbox::new()
            .env("CI", "true")
            .env("JELOU_API_URL", &self.api());
        job.function("fine", &function("() => 1"));
        job.function("other", &function("() => 1"));
        job
    }
}

fn run(job: &Sandbox, line: &str) -> Outcome {
    job.jelou(&format!("{line} --json")).run()
}

#[test]
fn a_job_of_github_actions_deploys_without_any_secret() {
    let fixture = Fixture::start();
    let job = fixture
        .job()
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &fixture.actions.url)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN);
    let deployed = run(&job, "deploy fine -y");
    assert_eq!(deployed.code, 0, "{deployed}");
    let other = run(&job, "deploy other -y");
    assert_eq!(
        (other.code, &other.json()["error"]["code"]),
        (3, &json!("FORBIDDEN")),
        "{other}"
    );
    assert!(other.to_string().contains("`read:other`"), "{other}");
    let who = run(&job, "whoami");
    assert_eq!(
        who.json()["data"]["accessToken"]["name"],
        "github-org-repo",
        "{who}"
    );
    assert!(who.to_string().contains("trust policy"), "{who}");

    let policy = fixture.run("trust info github-org-repo");
    assert_eq!(policy["pinned"]["repository_owner_id"], "22");
    let listed = fixture.admin.jelou("trust list --human").run();
    assert!(listed.stdout().contains("workflow=deploy.yml"), "{listed}");

    // Another credential takes precedence. Without the policy, the error shows the reason.
    let with_token = fixture.admin.pipeline(&fixture.server);
    assert!(
        !run(&with_token, "whoami")
            .to_string()
            .contains("trust policy")
    );
    fixture.run("trust delete github-org-repo --yes");
    let refused = run(&job, "deploy fine -y");
    assert_eq!(refused.code, 3, "{refused}");
    assert!(
        refused.to_string().contains("no trust policy names"),
        "{refused}"
    );
}

#[test]
fn a_job_of_gitlab_runs_several_commands_with_its_one_identity_token() {
    let fixture = Fixture::start();
    let claims = claims(&fixture.actions.issuer.url, &fixture.api());
    let token = fixture.actions.key.sign("one", &claims);
    let job = fixture.job().env("JELOU_ID_TOKEN", &token);
    for line in [
        "deploy fine -y",
        "deploy fine -y --force",
        "tokens list fine",
    ] {
        let outcome = run(&job, line);
        assert_eq!(outcome.code, 0, "{outcome}");
    }
    // Another job cannot use the identity token again.
    let thief = fixture.job().env("JELOU_ID_TOKEN", &token);
    let refused = run(&thief, "deploy fine -y");
    assert_eq!(refused.code, 3, "{refused}");
    assert!(refused.to_string().contains("used already"), "{refused}");
    for outcome in [&refused, &run(&job, "whoami")] {
        assert!(!outcome.to_string().contains(&token), "{outcome}");
    }
}

#[test]
fn a_pod_calls_with_an_exchanged_token() {
    let fixture = Fixture::start();
    fixture.admin.deploy("fine", &function("() => \"ok\""));
    fixture.run(&format!(
        "trust create --name pod --issuer {} --claim sub=pod --call fine --method POST",
        fixture.actions.issuer.url
    ));
    let mut claims = claims(&fixture.actions.issuer.url, &fixture.api());
    claims["sub"] = json!("pod");
    let identity = fixture.actions.key.sign("one", &claims);
    let pod = Sandbox::new().env("JELOU_API_URL", &fixture.api());
    let exchanged = pod
        .jelou("trust exchange --call fine --identity-token - --json")
        .run_with_stdin(&identity);
    assert_eq!(exchanged.code, 0, "{exchanged}");
    let token = exchanged.json()["data"]["token"].clone();
    assert_eq!(fixture.server.call("fine", token.as_str(), "{}").0, 200);
}

/// The scripts of `action.yml`, with the variables that the runner sets.
#[test]
fn the_action_deploys_and_reports_the_deployment() {
    let fixture = Fixture::start();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let action = std::fs::read_to_string(format!("{root}/action.yml")).unwrap();
    let job = fixture
        .job()
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &fixture.actions.url)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
        .env("GITHUB_ACTION_PATH", root)
        .env("GITHUB_PATH", "../path")
        .env("GITHUB_OUTPUT", "../output");
    for script in ["scripts/action/install.sh", "scripts/action/deploy.sh"] {
        assert!(action.contains(&format!("\"$GITHUB_ACTION_PATH/{script}\"")));
    }
    let run = |variables: &str| {
        job.file("output", "");
        job.shell(&format!(
            "cd fine; \"$GITHUB_ACTION_PATH/scripts/action/install.sh\" && \
             {variables} \"$GITHUB_ACTION_PATH/scripts/action/deploy.sh\""
        ))
    };
    // A first deploy without a destination for its token is refused, because nobody would get the token.
    let refused = run("");
    assert_ne!(refused.code, 0, "{refused}");
    assert_eq!(job.read("output"), "");

    let first = run("INPUT_TOKEN_OUTPUT=../token.txt");
    assert_eq!(first.code, 0, "{first}");
    let token = job.read("token.txt");
    assert!(!first.to_string().contains(token.trim()), "{first}");
    let output = job.read("output");
    assert!(
        output.starts_with("deployment=dep_") && output.contains("\nurl=http"),
        "{output}"
    );
    assert_eq!(fixture.server.call("fine", Some(token.trim()), "{}").0, 200);

    let again = run("INPUT_ARGUMENTS='--force --message again'");
    assert_eq!(again.code, 0, "{again}");
    assert!(job.read("output").starts_with("deployment=dep_"));
    let preview = run("INPUT_PREVIEW=pr-7 INPUT_ARGUMENTS=--force");
    assert_eq!(preview.code, 0, "{preview}");
    assert!(
        job.read("output").contains("url=http://pr-7--fine."),
        "{}",
        job.read("output")
    );
}

/// Servers of one database read only the exchanged tokens after an exchange.
#[test]
fn an_exchanged_token_works_on_all_servers_until_its_policy_is_deleted() {
    let cluster = Cluster::start();
    cluster.sandbox.deploy("hola", &returning("uno"));
    let key = Key::ec();
    let issuer = Issuer::start(vec![key.jwk("one")]);
    let audience = "https://api.example.com";
    let policy = json!({
        "issuer": "github", "issuerUrl": issuer.url, "audience": audience,
        "repository": "org/repo", "call": { "function": "hola" },
    });
    cluster.change("POST", "/v1/trust", &policy);
    let identity = key.sign("one", &claims(&issuer.url, audience));
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt&audience=hola&subject_token={identity}"
    );
    let exchange = cluster.first.manage(&cluster.access_token, "/v1/token");
    let exchange = exchange.header("content-type", "application/x-www-form-urlencoded");
    let reply = exchange.method("POST").body(&form).send();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    cluster.second_answers(&token, (200, "uno "));

    // The token stays valid after other changes of the function and of access tokens.
    let create = json!({ "name": "ci" });
    let ci = cluster.change("POST", "/v1/functions/hola/tokens", &create);
    cluster.second_answers(ci["token"].as_str().unwrap(), (200, "uno "));
    let access = json!({ "name": "lector", "scopes": ["functions:read"] });
    cluster.change("POST", "/v1/access-tokens", &access);
    for server in [&cluster.first, &cluster.second] {
        assert_eq!(server.call("hola", Some(&token), "{}").0, 200);
    }

    cluster.change("DELETE", "/v1/trust/github-org-repo", &Value::Null);
    cluster.second_answers(&token, (401, ""));
    assert_eq!(cluster.first.call("hola", Some(&token), "{}").0, 401);
}
