//! Writes the text of `GET /metrics`.

use std::sync::Arc;
use std::time::Duration;

use jelou_core::histogram::Durations;
use jelou_engine::SlotLoad;

use super::counters::{Exposed, FunctionCounters, ServerCounters};
use super::exposition::{Exposition, joined, label};
use super::process;
use crate::control::Control;
use crate::listener::Connections;
use crate::registry::Function;

/// Label for the functions beyond `metrics.max_functions`. No slug begins with an underscore.
const OTHERS: &str = "_other";
const DURATION: &str = "jelou_call_duration_seconds";
const REFUSALS: &str = "jelou_refusals_total";
const RUNS: &str = "jelou_cron_runs_total";
const MISSED: &str = "jelou_cron_missed_total";
const LATE: &str = "jelou_cron_late_total";
const BUILDS: &str = "jelou_build_seconds";
const EXPIRING: &str = "jelou_tokens_expiring";
const UNCOUNTED: &str = "jelou_token_calls_uncounted_total";
const WRITTEN: &str = "jelou_log_records_total";
const DROPPED: &str = "jelou_log_records_dropped_total";
const WRITES: &str = "jelou_store_write_seconds";
const UP: &str = "jelou_store_up";
const FEED_AGE: &str = "jelou_feed_age_seconds";
const UNAPPLIED: &str = "jelou_feed_unapplied_functions";
const UNAPPLIED_PARTS: &str = "jelou_feed_unapplied_parts";
const REVISION: &str = "jelou_store_revision";
const CPU: &str = "process_cpu_seconds_total";
/// How long a scrape waits for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// Name, help and value of a gauge.
type Gauge = (&'static str, &'static str, fn(&SlotLoad) -> u64);

/// Sources of the exposed metrics.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) control: Arc<Control>,
    pub(crate) connections: Arc<Connections>,
    /// Maximum number of functions that have their own label.
    pub(crate) max_functions: usize,
}

/// The values of one function, or of all functions beyond the maximum.
#[derive(Default)]
struct Row {
    label: String,
    counters: Vec<u64>,
    durations: Durations,
    load: SlotLoad,
}

impl Scrape {
    pub(crate) async fn text(&self) -> String {
        let mut text = Exposition::default();
        text.gauge(
            "jelou_build_info",
            "The version of the server and of its engine.",
        );
        let version = label("version", env!("CARGO_PKG_VERSION"));
        let engine = label("deno", jelou_engine::deno::DENO_VERSION);
        text.sample("jelou_build_info", &joined(&version, &engine), 1);
        self.functions(&mut text);
        self.server(&mut text);
        self.schedules(&mut text);
        self.tokens(&mut text);
        self.store(&mut text).await;
        own_process(&mut text);
        text.into_text()
    }

    fn functions(&self, text: &mut Exposition) {
        let mut functions = self.control.registry.functions();
        // Only the first functions have a label of their own. Ids sort by creation time, so a new function does not
        // take the label of an older one.
        functions.sort_unstable_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        text.gauge("jelou_functions", "Functions of the server.");
        text.sample("jelou_functions", "", functions.len());
        let rest = functions.split_off(functions.len().min(self.max_functions));
        let mut rows: Vec<Row> = functions.iter().map(|function| Row::of(function)).collect();
        if !rest.is_empty() {
            let mut others = Row::default();
            for function in rest {
                others.add(&Row::of(&function));
            }
            others.label = label("function", OTHERS);
            rows.push(others);
        }
        for (index, exposed) in FunctionCounters::EXPOSED.iter().enumerate() {
            begin(text, FunctionCounters::EXPOSED, index);
            for row in &rows {
                let labels = joined(&row.label, exposed.label);
                text.sample(exposed.family, &labels, row.counters[index]);
            }
        }
        text.histogram(DURATION, "Time of calls until the head of the response.");
        for row in &rows {
            text.durations(DURATION, &row.label, &row.durations);
        }
        let gauges: [Gauge; 5] = [
            (
                "jelou_processes",
                "Processes of the function that accept calls.",
                |load| load.processes as u64,
            ),
            (
                "jelou_process_memory_bytes",
                "Private memory of the function's processes.",
                |load| load.memory_bytes,
            ),
            (
                "jelou_requests_in_flight",
                "Requests in the function's processes, including streams.",
                |load| load.in_flight as u64,
            ),
            (
                "jelou_calls_queued",
                "Calls that wait for a permit.",
                |load| load.waiting as u64,
            ),
            (
                "jelou_streams",
                "Open response streams and WebSockets of the function.",
                |load| load.streams as u64,
            ),
        ];
        for (name, help, value) in gauges {
            text.gauge(name, help);
            for row in &rows {
                text.sample(name, &row.label, value(&row.load));
            }
        }
    }

    fn server(&self, text: &mut Exposition) {
        let metrics = self.control.metrics();
        let values = metrics.server.read();
        for (index, exposed) in ServerCounters::EXPOSED.iter().enumerate() {
            begin(text, ServerCounters::EXPOSED, index);
            text.sample(exposed.family, exposed.label, values[index]);
        }
        text.counter(REFUSALS, "Calls that the platform answered by itself.");
        for (reason, count) in metrics.refusals.read() {
            text.sample(REFUSALS, &label("reason", reason), count);
        }
        for (name, help, histogram) in [
            (
                "jelou_queue_wait_seconds",
                "Waits of calls for a permit, of those that waited.",
                &metrics.queue_waits,
            ),
            (
                "jelou_process_start_seconds",
                "Starts of processes, until they accept calls.",
                &metrics.process_starts,
            ),
        ] {
            text.histogram(name, help);
            text.durations(name, "", &histogram.read());
        }
        text.histogram(BUILDS, "Builds of uploads, by result.");
        text.durations(BUILDS, r#"result="ok""#, &metrics.builds.read());
        text.durations(BUILDS, r#"result="error""#, &metrics.failed_builds.read());
        let previews = self.control.registry.with_previews();
        let previews = previews.iter().filter(|one| one.preview.is_some());
        text.gauge(
            "jelou_previews",
            "Previews of functions. Their calls are in no other metric of a function.",
        );
        text.sample("jelou_previews", "", previews.count());
        let engine = self.control.engine.load();
        let logs = self.control.logs.counts();
        for (name, help, value) in [
            (
                "jelou_blank_workers",
                "Blank workers that are ready.",
                engine.blank_workers as u64,
            ),
            (
                "jelou_workers_memory_bytes",
                "Private memory of all processes.",
                engine.memory_bytes,
            ),
            (
                "jelou_workers_memory_limit_bytes",
                "Maximum private memory of all processes now.",
                engine.memory_limit_bytes,
            ),
            (
                "jelou_connections",
                "Open connections of callers.",
                self.connections.open() as u64,
            ),
            (
                "jelou_connections_max",
                "The limit of open connections (connections.max).",
                self.connections.max() as u64,
            ),
            (
                "jelou_log_queue_bytes",
                "Records that wait for the writer of the logs.",
                logs.queued_bytes,
            ),
        ] {
            text.gauge(name, help);
            text.sample(name, "", value);
        }
        text.counter(WRITTEN, "Records that were written to logs of functions.");
        text.sample(WRITTEN, "", logs.written);
        text.counter(DROPPED, "Records that were not written, by reason.");
        text.sample(DROPPED, r#"reason="queue""#, logs.dropped_by_queue);
        text.sample(DROPPED, r#"reason="disk""#, logs.dropped_by_disk);
    }

    fn schedules(&self, text: &mut Exposition) {
        let runs = self.control.cron.counts();
        text.counter(RUNS, "Runs of schedules that have ended, by result.");
        text.sample(RUNS, r#"result="ok""#, runs.ok);
        text.sample(RUNS, r#"result="error""#, runs.failed);
        text.counter(MISSED, "Due times of schedules that passed without a run.");
        text.sample(MISSED, "", runs.missed);
        text.counter(
            LATE,
            "Runs that started more than a second after their time.",
        );
        text.sample(LATE, "", runs.late);
    }

    fn tokens(&self, text: &mut Exposition) {
        text.gauge(
            EXPIRING,
            "Enabled tokens that expire soon, as of the last hour.",
        );
        for (days, count) in self.control.expiring_tokens.read() {
            text.sample(EXPIRING, &label("within", &format!("{days}d")), count);
        }
        text.counter(
            UNCOUNTED,
            "Calls that the use of tokens does not count, because too many tokens were in use.",
        );
        let uncounted = self.control.registry.token_usage.uncounted();
        text.sample(UNCOUNTED, "", uncounted);
    }

    async fn store(&self, text: &mut Exposition) {
        let store = &self.control.store;
        text.histogram(
            WRITES,
            "Transactions that write, including the wait for their turn.",
        );
        text.durations(WRITES, "", &store.write_durations());
        let revision = tokio::time::timeout(STORE_TIMEOUT, store.revision()).await;
        let revision = revision.ok().and_then(Result::ok);
        text.gauge(UP, "Whether the database answers.");
        text.sample(UP, "", u8::from(revision.is_some()));
        if let Some(revision) = revision {
            text.gauge(REVISION, "The number of the last change.");
            text.sample(REVISION, "", revision);
        }
        if store.is_shared() {
            let (age, (functions, parts)) = self.control.feed_state();
            text.gauge(
                FEED_AGE,
                "Seconds since the changes of other servers were last read.",
            );
            text.sample(FEED_AGE, "", age.as_secs_f64());
            text.gauge(
                UNAPPLIED,
                "Functions whose changes by other servers could not be applied.",
            );
            text.sample(UNAPPLIED, "", functions);
            text.gauge(
                UNAPPLIED_PARTS,
                "Other parts of the state that could not be applied, such as the access tokens.",
            );
            text.sample(UNAPPLIED_PARTS, "", parts);
        }
    }
}

impl Row {
    fn of(function: &Function) -> Self {
        let live = function.live.load();
        Self {
            label: label("function", function.slug.as_str()),
            counters: function.metrics.counters.read(),
            durations: function.metrics.durations.read(),
            load: live
                .as_ref()
                .map(|live| live.slot.load())
                .unwrap_or_default(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.counters.resize(other.counters.len(), 0);
        for (own, more) in self.counters.iter_mut().zip(&other.counters) {
            *own += more;
        }
        self.durations.add(&other.durations);
        self.load.processes += other.load.processes;
        self.load.memory_bytes += other.load.memory_bytes;
        self.load.in_flight += other.load.in_flight;
        self.load.waiting += other.load.waiting;
        self.load.streams += other.load.streams;
    }
}

/// Writes the help and type of a metric family before its first counter.
fn begin(text: &mut Exposition, all: &[Exposed], index: usize) {
    let exposed = &all[index];
    if index == 0 || all[index - 1].family != exposed.family {
        text.counter(exposed.family, exposed.help);
    }
}

fn own_process(text: &mut Exposition) {
    let Some(process) = process::read() else {
        return;
    };
    text.counter(CPU, "Processor time of the server, without its functions.");
    text.sample(CPU, "", process.cpu_seconds);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float anyway")]
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Resident memory of the server.",
            process.resident_bytes as f64,
        ),
        (
            "process_open_fds",
            "Open files of the server.",
            process.open_files as f64,
        ),
        (
            "process_max_fds",
            "The limit of open files.",
            process.max_files as f64,
        ),
        (
            "process_start_time_seconds",
            "When the server was started.",
            process.started,
        ),
    ] {
        text.gauge(name, help);
        text.sample(name, "", value);
    }
}
