//! Compares the filter language with a naive implementation, and tests its errors.

use std::collections::HashSet;

use jelou_core::TokenId;
use jelou_logs::{EntryContent, Filter, LogSettings, Query, TokenNames};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Log, call};

const WORDS: [&str; 8] = [
    "cliente", "Clientes", "orden", "ñandú", "a\"b", "user_id", "tab\tx", "health",
];
/// Values of an argument, as JSON, and whether each is equal to each of [`VALUE_PATTERNS`].
const VALUES: [(&str, [bool; 9]); 12] = [
    (
        "9",
        [true, true, false, false, false, false, false, false, false],
    ),
    (
        "-9",
        [false, false, true, false, false, false, false, false, false],
    ),
    (
        "9.5",
        [false, false, false, true, false, false, false, false, false],
    ),
    (
        r#""9""#,
        [true, false, false, false, false, false, false, false, false],
    ),
    (
        r#""9.0""#,
        [false, true, false, false, false, false, false, false, false],
    ),
    (
        r#""Pedido ÑANDÚ""#,
        [false, false, false, false, true, false, false, false, false],
    ),
    (
        r#""a\"b\\c d""#,
        [false, false, false, false, false, true, false, false, false],
    ),
    (
        "true",
        [false, false, false, false, false, false, true, false, false],
    ),
    (
        "null",
        [false, false, false, false, false, false, false, true, false],
    ),
    (
        "1e21",
        [false, false, false, false, false, false, false, false, true],
    ),
    ("99", [false; 9]),
    (r#""pedido""#, [false; 9]),
];
const VALUE_PATTERNS: [&str; 9] = [
    "9",
    "9.0",
    "-9",
    "9.50",
    r#""pedido ñandú""#,
    r#""A\"b\\c d""#,
    "true",
    "null",
    "1000000000000000000000",
];
const STATUSES: [u16; 6] = [200, 201, 404, 429, 500, 504];
const NAMES: [&str; 2] = ["ci", "agents"];

/// Returns a log of 600 records with values in every field, and the names of their tokens.
fn records() -> (Log, TokenNames) {
    let log = Log::new(LogSettings::default());
    let tokens = [TokenId::generate(), TokenId::generate()];
    let names: TokenNames = tokens
        .iter()
        .cloned()
        .zip(NAMES.map(str::to_owned))
        .collect();
    for number in 0..300_usize {
        let mut entry = call(STATUSES[number % STATUSES.len()]);
        let request = entry.request_id;
        let level = ["DEBUG", "INFO", "WARN", "ERROR"][number % 4];
        let words = [WORDS[number % 8], WORDS[(number / 8) % 8]].map(str::to_owned);
        let args = serde_json::json!([
            format!("{} {}", words[0], words[1]),
            { "orden": number % 12, "Mixto-1": serde_json::from_str::<Value>(VALUES[number % 12].0).unwrap(), "deep": { "list": [{ "name": words[0] }] }, "ok": number % 2 == 0 },
        ]);
        log.line(&format!(
            r#"{{"requestId":"{request}","level":"{level}","args":{args}}}"#
        ));
        entry.duration_us = (number as u64) * 10_000;
        entry.cold = number % 9 == 0;
        entry.token = (number % 3 > 0).then(|| tokens[number % 2].clone());
        entry.error = (number % 6 > 3).then_some("timeout");
        entry.path = format!("/orders/{}", number % 5).into();
        log.send(EntryContent::Call(Box::new(entry)));
    }
    log.settle();
    (log, names)
}

/// The text of a term, and a function that returns whether the JSON of a record matches.
#[derive(Clone)]
struct Term {
    text: String,
    meaning: std::sync::Arc<dyn Fn(&Value) -> bool>,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn term(text: String, meaning: impl Fn(&Value) -> bool + 'static) -> Term {
    Term {
        text,
        meaning: std::sync::Arc::new(meaning),
    }
}

/// Returns every text of a record that a term searches.
fn texts(value: &Value) -> Vec<String> {
    fn leaves(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                found.push(key.clone());
                leaves(value, found);
            }),
            other => found.push(other.to_string()),
        }
    }
    let mut found = Vec::new();
    leaves(&value["args"], &mut found);
    for field in [
        "method", "path", "route", "tool", "error", "token", "event", "message",
    ] {
        found.extend(value[field].as_str().map(str::to_owned));
    }
    found
}

fn words_of(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphanumeric());
    words.map(str::to_owned).collect()
}

fn text() -> BoxedStrategy<Term> {
    let quoted = prop::sample::select(&WORDS[..]).prop_map(|word| {
        let text = format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        term(text, move |record| {
            texts(record).iter().any(|found| found.contains(word))
        })
    });
    let part = prop::sample::select(&["lient", "nte", "liente or", "ten ñ", "/orders"][..])
        .prop_map(|part| {
            term(format!("\"{part}\""), move |record| {
                texts(record).iter().any(|found| found.contains(part))
            })
        });
    let word = prop::sample::select(
        &[
            "cliente", "CLIENTES", "ñandú", "health", "timeout", "7", "true",
        ][..],
    )
    .prop_map(|word| {
        let lower = word.to_lowercase();
        term(word.to_owned(), move |record| {
            texts(record)
                .iter()
                .any(|text| words_of(text).contains(&lower))
        })
    });
    let prefix = prop::sample::select(&["clien", "or", "ñan"][..]).prop_map(|prefix| {
        term(format!("{prefix}*"), move |record| {
            texts(record)
                .iter()
                .any(|text| words_of(text).iter().any(|word| word.starts_with(prefix)))
        })
    });
    prop_oneof![quoted, part, word, prefix].boxed()
}

fn comparison() -> BoxedStrategy<Term> {
    let level =
        (prop::sample::select(&[">=", "<", ":"][..]), 0..4_usize).prop_map(|(operator, level)| {
            let levels = ["DEBUG", "INFO", "WARN", "ERROR"];
            term(
                format!("level{operator}{}", levels[level].to_lowercase()),
                move |record| {
                    let own = levels
                        .iter()
                        .position(|name| record["level"] == *name)
                        .unwrap();
                    match operator {
                        ">=" => own >= level,
                        "<" => own < level,
                        _ => own == level,
                    }
                },
            )
        });
    let status = (2..6_u64, any::<bool>()).prop_map(|(class, not)| {
        let operator = if not { "!=" } else { ":" };
        term(format!("status{operator}{class}xx"), move |record| {
            let status = record["status"].as_u64();
            status.is_some_and(|status| (status / 100 == class) != not)
        })
    });
    let exact_status = prop::sample::select(&STATUSES[..]).prop_map(|wanted| {
        term(format!("status>={wanted}"), move |record| {
            record["status"]
                .as_u64()
                .is_some_and(|status| status >= u64::from(wanted))
        })
    });
    let duration = (0..3000_u32).prop_map(|wanted| {
        term(format!("dur>{wanted}ms"), move |record| {
            record["durationMs"]
                .as_f64()
                .is_some_and(|own| own > f64::from(wanted))
        })
    });
    let argument = (0..13_u64, any::<bool>()).prop_map(|(wanted, not)| {
        let operator = if not { "!=" } else { "=" };
        term(format!("args.orden{operator}{wanted}"), move |record| {
            let own = record["args"][1]["orden"].as_u64();
            own.is_some_and(|own| (own == wanted) != not)
        })
    });
    let mixed = (0..VALUE_PATTERNS.len()).prop_map(|wanted| {
        let text = format!("args.Mixto-1={}", VALUE_PATTERNS[wanted]);
        term(text, move |record| {
            let own = record["args"][1]["Mixto-1"].clone();
            record["args"].is_array()
                && VALUES.iter().any(|(json, equal)| {
                    equal[wanted] && serde_json::from_str::<Value>(json).unwrap() == own
                })
        })
    });
    let deep = prop::sample::select(&["cliente", "health"][..]).prop_map(|wanted| {
        term(format!("args.deep.list.name:{wanted}"), move |record| {
            record["args"][1]["deep"]["list"][0]["name"] == wanted
        })
    });
    let token = prop::sample::select(&NAMES[..]).prop_map(|name| {
        term(format!("token:{name}"), move |record| {
            record["tokenName"] == name
        })
    });
    let others = prop::sample::select(
        &[
            ("cold:true", "cold", "true"),
            ("error:timeout", "error", "\"timeout\""),
            ("kind:line", "kind", "\"line\""),
        ][..],
    )
    .prop_map(|(text, field, json)| {
        term(text.to_owned(), move |record| {
            let own = record[field].to_string();
            own == json
        })
    });
    let path = (0..6_u32).prop_map(|number| {
        let path = format!("/orders/{number}");
        term(format!("path:{path}"), move |record| record["path"] == path)
    });
    prop_oneof![
        level,
        status,
        exact_status,
        duration,
        argument,
        mixed,
        deep,
        token,
        others,
        path
    ]
    .boxed()
}

fn expression() -> BoxedStrategy<Term> {
    prop_oneof![text(), comparison()]
        .prop_recursive(4, 24, 3, |inner| {
            let list = prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                list.clone().prop_map(|terms| {
                    let text = terms
                        .iter()
                        .map(|term| term.text.as_str())
                        .collect::<Vec<_>>()
                        .join(" ");
                    term(format!("({text})"), move |record| {
                        terms.iter().all(|term| (term.meaning)(record))
                    })
                }),
                list.prop_map(|terms| {
                    let text = terms
                        .iter()
                        .map(|term| term.text.as_str())
                        .collect::<Vec<_>>()
                        .join(" or ");
                    term(format!("({text})"), move |record| {
                        terms.iter().any(|term| (term.meaning)(record))
                    })
                }),
                inner.prop_map(|inner| {
                    term(format!("-{}", inner.text), move |record| {
                        !(inner.meaning)(record)
                    })
                }),
            ]
        })
        .boxed()
}

#[test]
fn a_filter_matches_the_same_records_as_a_naive_implementation() {
    let (log, names) = records();
    let all: Vec<(u64, Value)> = log
        .all(&Query::default(), &names, 1 << 20)
        .iter()
        .map(|found| (found.seq, serde_json::from_str(&found.json).unwrap()))
        .collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let checked = runner.run(&prop::collection::vec(expression(), 1..4), |terms| {
        let text: Vec<_> = terms.iter().map(|term| term.text.as_str()).collect();
        let text = text.join(" ");
        let filter: Filter = text
            .parse()
            .map_err(|error| TestCaseError::fail(format!("{error}")))?;
        let query = Query {
            filter,
            ..Query::default()
        };
        let found: HashSet<u64> = log
            .all(&query, &names, 1 << 16)
            .iter()
            .map(|found| found.seq)
            .collect();
        let expected: HashSet<u64> = all
            .iter()
            .filter(|(_, record)| terms.iter().all(|term| (term.meaning)(record)))
            .map(|(seq, _)| *seq)
            .collect();
        prop_assert_eq!(found, expected, "{}", text);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn the_error_of_a_filter_shows_the_place() {
    let cases = [
        (
            "statsu:5xx",
            "there is no field `statsu`; did you mean `status`?",
            "^^^^^^",
        ),
        (
            "level>=loud",
            "`level` needs debug, info, warn or error",
            "       ^^^^",
        ),
        ("(a or b", "this `(` is not closed", "^"),
        ("a)", "there is no `(` for this `)`", " ^"),
        ("x or", "a term is missing here", "    ^"),
        (
            "or x",
            "a term is missing before this word; quote it to search for it",
            "^^",
        ),
        ("\"open", "this quote is not closed", "^"),
        (
            "dur>fast",
            "`dur` needs a duration such as 500ms, 2s or 1m",
            "    ^^^^",
        ),
        ("tool>x", "`tool` has no order: use `:` or `!=`", "    ^"),
        ("a - b", "`-` needs a term directly after it", "  ^"),
        ("ñ status:", "`status` needs a value", "  ^^^^^^^"),
        (
            "args.>5",
            "a name is missing: `args.order.id=9` searches the arguments of a line",
            "^^^^^",
        ),
    ];
    for (text, message, carets) in cases {
        let error = text.parse::<Filter>().unwrap_err().to_string();
        assert_eq!(error, format!("{message}\n  {text}\n  {carets}"), "{text}");
    }
    let deep = "(".repeat(100) + "a" + &")".repeat(100);
    assert!(
        deep.parse::<Filter>()
            .unwrap_err()
            .message()
            .contains("32 levels")
    );
    assert!(
        "http://x"
            .parse::<Filter>()
            .unwrap_err()
            .message()
            .contains("quote the text")
    );
    for empty in ["", "  "] {
        empty.parse::<Filter>().unwrap();
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = text.parse::<Filter>().map_err(|error| error.to_string());
    }

    #[test]
    fn no_punctuation_makes_the_parser_panic(text in "[a-z():\"\\\\ \\-*=<>ñ]{0,30}") {
        let _ = text.parse::<Filter>().map_err(|error| error.to_string());
    }
}
