//! Measures written lines per second, bytes of a line on disk, and searches among a million lines.

#![expect(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a benchmark reports to its user"
)]

use std::time::{Duration, Instant};

use jelou_core::{Clock, DeploymentId, FunctionId};
use jelou_logs::{Entry, EntryContent, LogSettings, Logs, Query, TokenNames};
use uuid::Uuid;

const LINES: usize = 1_000_000;
const LINES_OF_A_REQUEST: usize = 4;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, writer) =
        Logs::start(dir.path(), LogSettings::default(), Clock::system(), None).unwrap();
    let function = FunctionId::generate();
    let deployment = DeploymentId::generate();
    logs.add_secrets(
        &function,
        ["a-secret-of-the-function", "another, with spaces"],
    );
    let mut requests = Vec::new();
    let lines: Vec<String> = (0..LINES)
        .map(|number| {
            if number % LINES_OF_A_REQUEST == 0 {
                requests.push(Uuid::new_v4());
            }
            line(requests[number / LINES_OF_A_REQUEST], number)
        })
        .collect();
    let raw: usize = lines.iter().map(String::len).sum();

    let start = Instant::now();
    for (number, text) in lines.into_iter().enumerate() {
        logs.send(Entry {
            function: function.clone(),
            at_ms: Clock::system().now_ms(),
            deployment: Some(deployment.clone()),
            sample: 1.0,
            content: EntryContent::Output(text),
        });
        // Waits for the writer, so that the queue does not become full and drop lines.
        if number % 8192 == 0 {
            while last_seq(&logs, &function) + 16_384 < number as u64 {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }
    while last_seq(&logs, &function) < LINES as u64 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let written = start.elapsed();
    writer.stop();
    let bytes: u64 = std::fs::read_dir(dir.path().join(function.as_str()))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    println!("raw bytes of a line      {:>8}", raw / LINES);
    println!(
        "lines written in 1 s     {:>8.0}",
        LINES as f64 / written.as_secs_f64()
    );
    println!(
        "bytes of a line on disk  {:>8.1}",
        bytes as f64 / LINES as f64
    );

    let (logs, writer) =
        Logs::start(dir.path(), LogSettings::default(), Clock::system(), None).unwrap();
    let search = |name: &str, query: Query, expected: Option<usize>| {
        let mut best = Duration::MAX;
        let mut found = 0;
        for _ in 0..5 {
            let start = Instant::now();
            found = all(&logs, &function, &query);
            best = best.min(start.elapsed());
        }
        println!(
            "{name:<24} {:>8.2} ms, {found} found",
            best.as_secs_f64() * 1000.0
        );
        assert!(expected.is_none_or(|expected| expected == found));
    };
    let filter = |text: &str| Query {
        filter: text.parse().unwrap(),
        ..Query::default()
    };
    search(
        "request id",
        Query {
            request: Some(requests[123_456].to_string()),
            ..Query::default()
        },
        Some(LINES_OF_A_REQUEST),
    );
    search("rare word", filter("pedido-777777"), Some(1));
    search("substring, rare", filter("\"dido-7777\""), None);
    search("substring, none", filter("\"no such text\""), Some(0));
    search("args.orden=777777", filter("args.orden=777777"), Some(1));
    live_delay(&logs, &function, &deployment);
    writer.stop();
}

/// Measures the delay from sending a line until a waiting reader can read it.
fn live_delay(logs: &Logs, function: &FunctionId, deployment: &DeploymentId) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut watch = logs.watch(function).unwrap();
    let mut delays: Vec<_> = (0..300)
        .map(|number| {
            // Varies the time of the send relative to the period of the writer.
            std::thread::sleep(Duration::from_millis(number * 7 % 31));
            let before = watch.last_seq();
            let start = Instant::now();
            logs.send(Entry {
                function: function.clone(),
                at_ms: Clock::system().now_ms(),
                deployment: Some(deployment.clone()),
                sample: 1.0,
                content: EntryContent::Output("a line".to_owned()),
            });
            assert!(runtime.block_on(watch.wait_beyond(before)));
            start.elapsed()
        })
        .collect();
    delays.sort_unstable();
    println!(
        "live delay, p99          {:>8.2} ms",
        delays[delays.len() * 99 / 100].as_secs_f64() * 1000.0
    );
}

fn all(logs: &Logs, function: &FunctionId, query: &Query) -> usize {
    let (mut found, mut cursor) = (0, 0);
    loop {
        let page = logs
            .page(function, query, &TokenNames::new(), cursor, 1 << 20)
            .unwrap();
        found += page.records.len();
        cursor = page.cursor;
        if page.is_last {
            return found;
        }
    }
}

fn last_seq(logs: &Logs, function: &FunctionId) -> u64 {
    logs.watch(function).unwrap().last_seq()
}

fn line(request: Uuid, number: usize) -> String {
    const MESSAGES: [&str; 6] = [
        "Buscando cliente",
        "Cliente encontrado",
        "Enviando mensaje de WhatsApp",
        "Respuesta de la API",
        "Reintentando la consulta",
        "Pedido creado",
    ];
    let phone = 593_000_000_000_usize + number * 7919 % 999_999_999;
    format!(
        r#"{{"requestId":"{request}","function":"mi-funcion","company":"acme","timestamp":"2026-11-29T10:30:01.{:03}Z","level":"INFO","args":["{}",{{"telefono":"{phone}","orden":{number},"ref":"pedido-{number}","estado":"{}","ms":{}}}]}}"#,
        number % 1000,
        MESSAGES[number % MESSAGES.len()],
        ["nuevo", "pagado", "enviado"][number % 3],
        number * 31 % 1700,
    )
}
