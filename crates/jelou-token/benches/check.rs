//! Measures the gateway's complete check of a presented token: format, hash, and look-up among a
//! million tokens.
//!
//! Each look-up uses another token, so that its entry is not in the processor's cache.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion};
use jelou_token::{AccessToken, RuntimeToken, TokenHash, redact};

const TOKENS: u32 = 1_000_000;

type Functions = HashMap<TokenHash, u64>;

fn main() {
    // By default, criterion would write the results to the crate's folder.
    let results = concat!(env!("CARGO_TARGET_TMPDIR"), "/criterion");
    let mut criterion = Criterion::default()
        .output_directory(Path::new(results))
        .configure_from_args();
    check(&mut criterion);
    others(&mut criterion);
    criterion.final_summary();
}

fn check(criterion: &mut Criterion) {
    let known = mint(TOKENS);
    let functions: Functions = (0..)
        .zip(&known)
        .filter_map(|(function, token)| Some((RuntimeToken::hash_presented(token)?, function)))
        .collect();
    let known_one = known[..1].to_vec();
    let refused = [
        ("missing", vec![Vec::new()]),
        ("another kind", vec![access_token()]),
        (
            "4 KB",
            vec![[known_one[0].as_slice(), &[b'x'; 4051]].concat()],
        ),
        ("alphabet", vec![changed(&known_one[0], b'-')]),
        (
            "checksum",
            known
                .iter()
                .take(4096)
                .map(|token| changed(token, b'x'))
                .collect(),
        ),
        ("unknown", mint(TOKENS)),
    ];

    let mut group = criterion.benchmark_group("check");
    let accepted = [("valid", known), ("valid, always the same", known_one)];
    for (name, presented) in accepted.into_iter().chain(refused) {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut presented = presented.iter().cycle();
            bencher.iter(|| {
                let token = presented.next().map(Vec::as_slice).unwrap_or_default();
                find(&functions, black_box(token))
            });
        });
    }
}

fn others(criterion: &mut Criterion) {
    criterion.bench_function("mint", |bencher| bencher.iter(RuntimeToken::mint));
    let line = "POST /send-email 200 in 12 ms, jfn_rt_abc1... ".repeat(20);
    criterion.bench_function("redact 1 KB without a token", |bencher| {
        bencher.iter(|| redact(black_box(&line)).len());
    });
}

fn find(functions: &Functions, presented: &[u8]) -> Option<u64> {
    let hash = RuntimeToken::hash_presented(presented)?;
    functions.get(&hash).copied()
}

#[expect(
    clippy::expect_used,
    reason = "there is nothing to measure without tokens"
)]
fn mint(count: u32) -> Vec<Vec<u8>> {
    (0..count)
        .map(|_| RuntimeToken::mint().expect("the system has randomness"))
        .map(|token| token.expose().as_bytes().to_vec())
        .collect()
}

#[expect(clippy::expect_used, reason = "as above")]
fn access_token() -> Vec<u8> {
    let token = AccessToken::mint().expect("the system has randomness");
    token.expose().as_bytes().to_vec()
}

/// Returns the token with its 21st byte changed to `byte`, or to `byte + 1` if it is `byte` already.
fn changed(token: &[u8], byte: u8) -> Vec<u8> {
    let mut token = token.to_vec();
    token[20] = if token[20] == byte { byte + 1 } else { byte };
    token
}
