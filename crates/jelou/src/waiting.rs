//! Reports slow requests, and records the progress of requests for Ctrl-C.

use jelou_client::{Effect, Observer, Outcome};

use crate::interrupt::{self, Progress};
use crate::output::Output;

#[derive(Debug)]
pub(crate) struct Waiting {
    output: Output,
    api: String,
}

impl Waiting {
    pub(crate) fn new(output: &Output, api: &jelou_client::ApiUrl) -> Self {
        Self {
            output: output.clone(),
            api: api.to_string(),
        }
    }
}

impl Observer for Waiting {
    fn sent(&self, effect: Effect) {
        if effect == Effect::Change {
            interrupt::note(Progress::Changing);
        }
    }

    fn slow(&self) {
        let text = format!("Waiting for the server at {} (Ctrl-C stops)", self.api);
        // An output error must not stop the command.
        let _ = self.output.note(&text);
    }

    fn pending(&self, servers: &str) {
        self.output.add_pending(servers);
        let text = format!(
            "the change is made, but these servers have not applied it yet: {servers}. They do when they respond again; `jelou nodes` shows them"
        );
        let _ = self.output.warn(&text);
    }

    fn missing(&self, servers: &str) {
        let text = format!("these servers do not answer, so that their part is missing: {servers}");
        let _ = self.output.warn(&text);
    }

    fn unreadable(&self, rows: &str) {
        let text = format!("the server cannot read everything, so that this is missing: {rows}");
        let _ = self.output.warn(&text);
    }

    fn ended(&self, outcome: Outcome) {
        match outcome {
            Outcome::Changed => interrupt::note(Progress::Changed),
            Outcome::Refused => interrupt::note_refusal(),
            Outcome::Read | Outcome::Unknown => {}
        }
    }
}
