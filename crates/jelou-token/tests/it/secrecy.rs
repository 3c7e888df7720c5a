//! Tests that output never contains a token, and that tokens are unpredictable.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jelou_token::{
    AccessToken, DisplayPrefix, ParseDisplayPrefixError, RuntimeToken, TokenHash, redact,
};

const RUNTIME: &str = "jfn_rt_abc1Xy7Kq2Lm9Rt4Wz8Bn3Vc6Hd5Jf0G1VM3eP";
const ACCESS: &str = "jfn_pat_abc1Xy7Kq2Lm9Rt4Wz8Bn3Vc6Hd5Jf0G0DcA2R";

#[test]
fn debug_prints_names_only() {
    let runtime = RuntimeToken::parse(RUNTIME).unwrap();
    let access = AccessToken::parse(ACCESS).unwrap();
    assert_eq!(format!("{runtime:?}"), "RuntimeToken");
    assert_eq!(format!("{runtime:#?}"), "RuntimeToken");
    assert_eq!(format!("{access:?}"), "AccessToken");
    assert_eq!(format!("{:?}", access.hash()), "TokenHash");
    assert_eq!(format!("{:?}", Some(runtime)), "Some(RuntimeToken)");
}

#[test]
fn errors_do_not_contain_the_value() {
    let shown: Vec<String> = [
        &RUNTIME[1..],
        &RUNTIME[..44],
        &RUNTIME.replace("Kq2", "K-2"),
        &RUNTIME.replace("Kq2", "Kq3"),
    ]
    .into_iter()
    .map(|value| RuntimeToken::parse(value).unwrap_err().to_string())
    .collect();
    assert_eq!(
        shown,
        [
            "the token does not start with `jfn_rt_`",
            "the token is 44 bytes long, not 45",
            "the token has a character other than 0-9, A-Z and a-z after its prefix",
            "the token's checksum is wrong: a character was mistyped or lost",
        ]
    );
}

#[test]
fn the_display_prefix_is_the_start_of_the_token() {
    let runtime = RuntimeToken::parse(RUNTIME).unwrap().display_prefix();
    assert_eq!(runtime.to_string(), "jfn_rt_abc1");
    assert_eq!(format!("{runtime:<13}|"), "jfn_rt_abc1  |");
    let access = AccessToken::parse(ACCESS).unwrap().display_prefix();
    assert_eq!(access.as_str(), "jfn_pat_abc1");

    assert_eq!("jfn_rt_abc1".parse(), Ok(runtime));
    assert_eq!("jfn_pat_abc1".parse(), Ok(access));
    for text in [
        "",
        "abc1",
        "jfn_rt_",
        "jfn_rt_abc",
        "jfn_rt_abc12",
        "jfn_rt_abc.",
        "jfn_rt_abé",
        "jfn_xx_abc1",
        RUNTIME,
    ] {
        assert_eq!(
            text.parse::<DisplayPrefix>(),
            Err(ParseDisplayPrefixError),
            "{text}"
        );
    }
}

#[test]
fn tokens_in_text_are_truncated() {
    let mistyped = RUNTIME.replace("Kq2", "Kq3");
    for (text, expected) in [
        (RUNTIME.to_owned(), "jfn_rt_abc1..."),
        (ACCESS.to_owned(), "jfn_pat_abc1..."),
        (mistyped, "jfn_rt_abc1..."),
        (
            format!("ñ X-Jelou-Token: {RUNTIME}, {ACCESS}\n"),
            "ñ X-Jelou-Token: jfn_rt_abc1..., jfn_pat_abc1...\n",
        ),
        (
            format!("{RUNTIME}{RUNTIME}"),
            "jfn_rt_abc1...jfn_rt_abc1...",
        ),
        (format!("jfn_jfn_rt_{RUNTIME}"), "jfn_jfn_rt_jfn_rt_abc1..."),
        (format!("{RUNTIME}0é"), "jfn_rt_abc1...0é"),
        // The second token starts inside the first.
        (
            format!("{}{ACCESS}", &RUNTIME[..42]),
            "jfn_rt_abc1...jfn_pat_abc1...",
        ),
    ] {
        assert_eq!(redact(&text), expected, "{text}");
    }
}

#[test]
fn text_without_a_token_is_unchanged() {
    for text in [
        String::new(),
        "jfn_rt_abc1...".to_owned(),
        RUNTIME[..44].to_owned(),
        RUNTIME.replace("_rt_", "_xx_"),
        RUNTIME.replace("Kq2", "Ké"),
        RUNTIME.replace("Kq2", "K-2"),
    ] {
        assert!(matches!(redact(&text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn every_character_is_as_likely_as_any_other() {
    const TOKENS: u32 = 2_000;
    let mut counts = HashMap::new();
    for _ in 0..TOKENS {
        for character in RuntimeToken::mint().unwrap().expose()[7..39].chars() {
            *counts.entry(character).or_insert(0_u32) += 1;
        }
    }
    assert_eq!(counts.len(), 62);
    let expected = f64::from(TOKENS * 32) / 62.0;
    let chi_squared: f64 = counts
        .values()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    // With 61 degrees of freedom, the value exceeds 160 once in 10^10 runs. It is about 480 for `byte % 62`.
    assert!(chi_squared < 160.0, "{chi_squared}");
}

#[test]
fn no_token_is_minted_twice() {
    let hashes: HashSet<TokenHash> = (0..10_000)
        .map(|_| AccessToken::mint().unwrap().hash())
        .collect();
    assert_eq!(hashes.len(), 10_000);
}
