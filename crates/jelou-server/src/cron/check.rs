//! Checks the schedules of a manifest during a deploy.

use jelou_core::api::PlannedSchedule;
use jelou_core::manifest::{Manifest, Schedule, Tool};
use jelou_core::source::SourceTree;
use jelou_cron::ScheduleError;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config;

/// Number of due times that a deploy shows for each schedule.
const SHOWN: usize = 3;

/// Checks the schedules of the manifest and returns them with their next due times.
///
/// # Errors
/// One line for each schedule that cannot run, with the file and the line of its expression.
pub(crate) fn planned(
    manifest: &Manifest,
    upload: &Upload<'_>,
    settings: &config::Cron,
    now: Timestamp,
) -> Result<Vec<PlannedSchedule>, String> {
    let (mut planned, mut problems) = (Vec::new(), Vec::new());
    for (tool, position, schedule) in schedules(manifest) {
        let id = schedule.key(&tool.key);
        let refuse = |reason: String| {
            let place = upload.place(&schedule.expression);
            format!(
                "{place}the schedule \"{}\" of `{}`: {reason}",
                schedule.expression, tool.name
            )
        };
        if planned.iter().any(|known: &PlannedSchedule| known.id == id) {
            problems.push(refuse(
                "another schedule is the same; give them names".to_owned(),
            ));
            continue;
        }
        if let Some(timeout) = schedule
            .timeout_ms
            .filter(|timeout| *timeout > settings.max_timeout_ms)
        {
            problems.push(refuse(format!(
                "its timeout is {timeout} ms; the limit is {} ms (cron.max_timeout_ms, a server setting)",
                settings.max_timeout_ms
            )));
        }
        match parse(schedule) {
            Ok(parsed) => planned.push(PlannedSchedule {
                id,
                label: tool.schedule_label(position),
                tool: tool.name.clone(),
                expression: schedule.expression.clone(),
                timezone: schedule.timezone.clone(),
                next: parsed.upcoming(now).take(SHOWN).collect(),
            }),
            Err(error) => problems.push(refuse(error.to_string())),
        }
    }
    if problems.is_empty() {
        Ok(planned)
    } else {
        Err(problems.join("\n"))
    }
}

/// Returns the schedules of a manifest, each with its tool and its position there.
fn schedules(manifest: &Manifest) -> impl Iterator<Item = (&Tool, usize, &Schedule)> {
    let tools = manifest.tools.iter();
    tools.flat_map(|tool| {
        let numbered = tool.cron.iter().enumerate();
        numbered.map(move |(position, schedule)| (tool, position, schedule))
    })
}

pub(super) fn parse(schedule: &Schedule) -> Result<jelou_cron::Schedule, ScheduleError> {
    jelou_cron::Schedule::parse(&schedule.expression, &schedule.timezone)
}

/// The files in which expressions may be written.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    pub(crate) tree: &'a SourceTree,
    /// The settings of `jelou.json`, which is not part of the upload.
    pub(crate) settings: &'a Map<String, Value>,
}

impl Upload<'_> {
    /// Returns `index.ts:7: ` if a line of the upload contains the expression as a quoted string. Returns `jelou.json:
    /// ` if it is in the settings, otherwise an empty text.
    fn place(&self, expression: &str) -> String {
        let quoted = ['"', '\'', '`'].map(|quote| format!("{quote}{expression}{quote}"));
        for file in self.tree.files() {
            let Ok(text) = std::str::from_utf8(&file.content) else {
                continue;
            };
            let line = text
                .lines()
                .position(|line| quoted.iter().any(|quoted| line.contains(quoted.as_str())));
            if let Some(line) = line {
                return format!("{}:{}: ", file.path, line + 1);
            }
        }
        let own = self.settings.get("cron").and_then(Value::as_array);
        let is_setting =
            own.is_some_and(|own| own.iter().any(|one| one["expression"] == expression));
        if is_setting {
            "jelou.json: ".to_owned()
        } else {
            String::new()
        }
    }
}
