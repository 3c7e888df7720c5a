//! Random sequences of changes and calls, compared with a model of the tokens of one function.

mod step;

use jelou_core::Clock;
use jelou_token::RuntimeToken;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::TestServer;
use crate::token_transfer::hash_of;
use step::{Step, step};

const SLUG: &str = "model";
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// The tag of the tokens that are created under the first two names.
const TAG: &str = "ci";

#[derive(Debug, Clone)]
struct Token {
    name: usize,
    value: String,
    /// The old value and the end of its grace period.
    previous: Option<(String, Timestamp)>,
    expires_at: Option<Timestamp>,
    disabled: bool,
    is_tagged: bool,
    /// The calls that the rate allows, and the counted calls.
    rate: Option<(u32, u32)>,
    /// The calls that a month allows, and the counted calls. No sequence lasts into the next month.
    quota: Option<(u32, u32)>,
    /// Whether the current value was used since the rotation.
    used: bool,
}

impl Token {
    fn is_active(&self, now: Timestamp) -> bool {
        !self.disabled && self.expires_at.is_none_or(|end| end > now)
    }

    fn has(&self, value: &str, now: Timestamp) -> bool {
        let is_old = |(old, end): &(String, Timestamp)| old == value && *end > now;
        self.value == value || self.previous.as_ref().is_some_and(is_old)
    }
}

struct Model<'a> {
    server: &'a TestServer,
    clock: &'a Clock,
    tokens: Vec<Token>,
    /// Every value that was ever created.
    values: Vec<String>,
    old_value_leaked: bool,
}

impl Model<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn after(&self, seconds: i64) -> Timestamp {
        self.now() + SignedDuration::from_secs(seconds)
    }

    fn find(&self, name: usize) -> Option<usize> {
        self.tokens.iter().position(|token| token.name == name)
    }

    /// Whether another token than the one at `position` is active.
    fn others_are_active(&self, position: usize) -> bool {
        let now = self.now();
        let others = self.tokens.iter().enumerate();
        others
            .filter(|(other, _)| *other != position)
            .any(|(_, other)| other.is_active(now))
    }

    fn manage(&self, method: &'static str, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/functions/{SLUG}/tokens{path}");
        self.server.manage(method, &path, body)
    }

    /// Checks the status of a change, for a token that may not exist. Returns its position if the change is expected to
    /// succeed.
    fn expect(&self, name: usize, status: u16, refusal: Option<u16>) -> Option<usize> {
        let position = self.find(name);
        let expected = match (position, refusal) {
            (None, _) => 404,
            (Some(_), Some(refusal)) => refusal,
            (Some(_), None) => 200,
        };
        let is_success = (200..300).contains(&status);
        assert!(
            is_success == (expected == 200) && (is_success || status == expected),
            "{status} instead of {expected} for {}",
            NAMES[name]
        );
        position.filter(|_| is_success)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each step")]
    fn run(&mut self, step: &Step) {
        match *step {
            Step::Create {
                name,
                replace,
                expires_in,
                rate,
            } => self.create(name, replace, expires_in, rate),
            Step::Rotate { name, grace } => {
                let path = format!("/{}/rotation", NAMES[name]);
                let (status, body) = self.manage("POST", &path, &json!({ "graceSeconds": grace }));
                if let Some(position) = self.expect(name, status, None) {
                    let value = body["token"].as_str().unwrap().to_owned();
                    self.values.push(value.clone());
                    let (now, until) = (self.now(), self.after(grace));
                    let token = &mut self.tokens[position];
                    let old = std::mem::replace(&mut token.value, value);
                    let used = std::mem::take(&mut token.used);
                    token.previous = match token.previous.take() {
                        // The value of the last rotation was never used, so the value before it stays valid.
                        Some((older, end)) if end > now && !used => Some((older, until)),
                        _ => Some((old, until)),
                    };
                }
            }
            Step::Finish { name } => {
                let path = format!("/{}/rotation", NAMES[name]);
                let (status, _) = self.manage("DELETE", &path, &Value::Null);
                let now = self.now();
                let in_grace = self.find(name).is_some_and(|position| {
                    let previous = &self.tokens[position].previous;
                    previous.as_ref().is_some_and(|(_, end)| *end > now)
                });
                let refusal = (!in_grace).then_some(409);
                if let Some(position) = self.expect(name, status, refusal) {
                    self.tokens[position].previous.as_mut().unwrap().1 = now;
                }
            }
            Step::Revoke { name, force } => {
                let path = format!("/{}?force={force}", NAMES[name]);
                let (status, _) = self.manage("DELETE", &path, &Value::Null);
                let refusal = self.last_token(name, force);
                if let Some(position) = self.expect(name, status, refusal) {
                    self.tokens.remove(position);
                }
            }
            Step::RevokeTagged { force } => self.revoke_tagged(force),
            Step::SetDisabled {
                name,
                disabled,
                force,
            } => {
                let path = format!("/{}?force={force}", NAMES[name]);
                let (status, _) = self.manage("PATCH", &path, &json!({ "disabled": disabled }));
                let refusal = self.last_token(name, force).filter(|_| disabled);
                if let Some(position) = self.expect(name, status, refusal) {
                    self.tokens[position].disabled = disabled;
                }
            }
            Step::SetExpiry { name, expires_in } => {
                let expires_at = expires_in.map(|seconds| self.after(seconds));
                let path = format!("/{}", NAMES[name]);
                let (status, _) = self.manage("PATCH", &path, &json!({ "expiresAt": expires_at }));
                if let Some(position) = self.expect(name, status, None) {
                    self.tokens[position].expires_at = expires_at;
                }
            }
            Step::SetRate { name, rate } => {
                let path = format!("/{}", NAMES[name]);
                let text = rate.map(|calls| format!("{calls}/d"));
                let (status, _) = self.manage("PATCH", &path, &json!({ "rate": text }));
                if let Some(position) = self.expect(name, status, None) {
                    let token = &mut self.tokens[position];
                    // A change that leaves the rate as it is does not reset its count.
                    if token.rate.map(|(calls, _)| calls) != rate {
                        token.rate = rate.map(|calls| (calls, 0));
                    }
                }
            }
            Step::SetQuota { name, quota } => {
                let path = format!("/{}", NAMES[name]);
                let text = quota.map(|calls| format!("{calls}/month"));
                let (status, _) = self.manage("PATCH", &path, &json!({ "quota": text }));
                if let Some(position) = self.expect(name, status, None) {
                    let token = &mut self.tokens[position];
                    // A changed number of calls does not reset the count of the month.
                    let counted = token.quota.map_or(0, |(_, counted)| counted);
                    token.quota = quota.map(|calls| (calls, counted));
                }
            }
            Step::Import {
                name,
                replace,
                disabled,
            } => self.import(name, replace, disabled),
            Step::Rename { name, to } => {
                let path = format!("/{}", NAMES[name]);
                let (status, _) = self.manage("PATCH", &path, &json!({ "name": NAMES[to] }));
                let taken = name != to && self.find(to).is_some();
                if let Some(position) = self.expect(name, status, taken.then_some(409)) {
                    self.tokens[position].name = to;
                }
            }
            Step::Leak { value } => self.leak(value),
            // The model does not include a clock that is set back to a time before the leak of an old value.
            Step::MoveClock { seconds } if seconds < 0 && self.old_value_leaked => {}
            Step::MoveClock { seconds } => self.clock.set(self.after(seconds)),
            Step::Call { .. } if self.values.is_empty() => {}
            Step::Call { value } => {
                let value = self.values[value % self.values.len()].clone();
                self.call(&value);
            }
        }
    }

    fn create(&mut self, name: usize, replace: bool, expires_in: Option<i64>, rate: Option<u32>) {
        let is_tagged = name < 2;
        let tags: &[&str] = if is_tagged { &[TAG] } else { &[] };
        let body = json!({
            "name": NAMES[name], "replace": replace, "expiresIn": expires_in, "tags": tags,
            "rate": rate.map(|calls| format!("{calls}/d")),
        });
        let (status, body) = self.manage("POST", "", &body);
        let former = self.find(name);
        if former.is_some() && !replace {
            assert_eq!(status, 409, "{body}");
            return;
        }
        assert_eq!(status, 201, "{body}");
        if let Some(former) = former {
            self.tokens.remove(former);
        }
        let value = body["token"].as_str().unwrap().to_owned();
        self.values.push(value.clone());
        self.tokens.push(Token {
            name,
            value,
            previous: None,
            expires_at: expires_in.map(|seconds| self.after(seconds)),
            disabled: false,
            is_tagged,
            rate: rate.map(|calls| (calls, 0)),
            quota: None,
            used: false,
        });
    }

    fn revoke_tagged(&mut self, force: bool) {
        let path = format!("/v1/functions/{SLUG}/token-revocation");
        let body = json!({ "tag": TAG, "force": force });
        let (status, body) = self.server.manage("POST", &path, &body);
        let now = self.now();
        let is_active = |tagged: bool| {
            let mut tokens = self.tokens.iter();
            tokens.any(|token| token.is_tagged == tagged && token.is_active(now))
        };
        let tagged = self.tokens.iter().filter(|token| token.is_tagged).count();
        if tagged == 0 {
            assert_eq!(status, 404, "{body}");
        } else if !force && is_active(true) && !is_active(false) {
            assert_eq!(status, 409, "{body}");
        } else {
            assert_eq!(status, 200, "{body}");
            assert_eq!(body["items"].as_array().map(Vec::len), Some(tagged));
            self.tokens.retain(|token| !token.is_tagged);
        }
    }

    fn import(&mut self, name: usize, replace: bool, disabled: bool) {
        let value = RuntimeToken::mint().unwrap();
        let hash = hash_of(value.expose());
        let disabled_at = disabled.then(|| self.now());
        let body = json!({
            "replace": replace,
            "tokens": [{
                "name": NAMES[name], "hash": hash, "prefix": value.display_prefix().to_string(),
                "disabledAt": disabled_at,
            }],
        });
        let path = format!("/v1/functions/{SLUG}/token-import");
        let (status, body) = self.server.manage("POST", &path, &body);
        let former = self.find(name);
        let takes_last = disabled && self.last_token(name, false).is_some();
        if former.is_some() && (!replace || takes_last) {
            assert_eq!(status, 409, "{body}");
            return;
        }
        assert_eq!(status, 200, "{body}");
        if let Some(former) = former {
            self.tokens.remove(former);
        }
        let value = value.expose().to_owned();
        self.values.push(value.clone());
        self.tokens.push(Token {
            name,
            value,
            previous: None,
            expires_at: None,
            disabled,
            is_tagged: false,
            rate: None,
            quota: None,
            used: false,
        });
    }

    /// The status of the refusal, if the token is the last active one and `force` is not set.
    fn last_token(&self, name: usize, force: bool) -> Option<u16> {
        let position = self.find(name)?;
        let is_last =
            self.tokens[position].is_active(self.now()) && !self.others_are_active(position);
        (is_last && !force).then_some(409)
    }

    fn leak(&mut self, value: usize) {
        let Some(value) = self.values.get(value % self.values.len().max(1)).cloned() else {
            return;
        };
        let (status, body) =
            self.server
                .manage("POST", "/v1/leaked-tokens", &json!({ "values": [value] }));
        assert_eq!(status, 200, "{body}");
        let now = self.now();
        let holder = self.tokens.iter().position(|token| {
            token.value == value
                || token
                    .previous
                    .as_ref()
                    .is_some_and(|(old, _)| *old == value)
        });
        let outcome = match holder {
            Some(position) if self.tokens[position].value == value => {
                self.tokens.remove(position);
                &["revoked"][..]
            }
            Some(position) if self.tokens[position].has(&value, now) => {
                self.tokens[position].previous.as_mut().unwrap().1 = now;
                self.old_value_leaked = true;
                &["oldValueEnded"]
            }
            Some(_) => &["alreadyInvalid"],
            // A value before the old value is not stored.
            None => &["alreadyInvalid", "unknown"],
        };
        let given = body["items"][0]["outcome"].as_str().unwrap();
        assert!(outcome.contains(&given), "{given} instead of {outcome:?}");
    }

    fn call(&mut self, value: &str) {
        let call = self.server.call(SLUG, "/").method("POST").token(value);
        let reply = call.send();
        let now = self.now();
        let holder = self
            .tokens
            .iter_mut()
            .find(|token| token.is_active(now) && token.has(value, now));
        let expected = match holder {
            None => 401,
            Some(token) => {
                token.used |= token.value == value;
                // The rate first: a call over the quota counts towards it.
                let allowed = count(&mut token.rate) && count(&mut token.quota);
                if allowed { 200 } else { 429 }
            }
        };
        assert_eq!(reply.status, expected, "{reply:?}");
    }

    /// Ends every token, so that the next sequence starts without any.
    fn clear(&mut self) {
        for token in std::mem::take(&mut self.tokens) {
            let path = format!("/{}?force=true", NAMES[token.name]);
            let (status, body) = self.manage("DELETE", &path, &Value::Null);
            assert_eq!(status, 204, "{body}");
        }
    }
}

/// Whether a limit allows a call, which it then counts.
fn count(limit: &mut Option<(u32, u32)>) -> bool {
    match limit {
        Some((calls, counted)) if *counted >= *calls => false,
        Some((_, counted)) => {
            *counted += 1;
            true
        }
        None => true,
    }
}

/// The number of sequences, which is higher with `JELOU_SOAK=1`.
fn sequences() -> u32 {
    match std::env::var_os("JELOU_SOAK") {
        Some(_) => 10_000,
        None => 30,
    }
}

#[test]
fn tokens_behave_as_their_model() {
    let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
    let server = TestServer::start_with_clock(clock.clone(), |_| {});
    server.deploy(
        SLUG,
        "export default define({ description: \"Model\", handler: () => ({ ok: true }) });",
    );
    let (status, _) = server.manage(
        "DELETE",
        &format!("/v1/functions/{SLUG}/tokens/default?force=true"),
        &Value::Null,
    );
    assert_eq!(status, 204);
    let config = Config {
        cases: sequences(),
        failure_persistence: None,
        ..Config::default()
    };
    let steps = prop::collection::vec(step(), 1..60);
    let result = TestRunner::new(config).run(&steps, |steps| {
        let mut model = Model {
            server: &server,
            clock: &clock,
            tokens: Vec::new(),
            values: Vec::new(),
            old_value_leaked: false,
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for step in &steps {
                model.run(step);
            }
            // Every value, in its final state.
            for value in model.values.clone() {
                model.call(&value);
            }
        }));
        let failed = outcome.is_err();
        if failed {
            // Deletes all tokens by name, because the real tokens may differ from the model's.
            for name in NAMES {
                let path = format!("/{name}?force=true");
                model.manage("DELETE", &path, &Value::Null);
            }
        } else {
            model.clear();
        }
        prop_assert!(!failed, "the panic above has the reason");
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
