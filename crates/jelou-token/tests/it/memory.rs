//! Tests allocations and zeroization.

use jelou_token::{AccessToken, RuntimeToken, redact};

use crate::allocator::{allocations_in, remains_of};

#[test]
fn allocations_are_counted() {
    let (_, allocations) = allocations_in(|| Box::new(1_u8));
    assert_eq!(allocations, 1);
}

#[test]
fn the_offline_check_does_not_allocate() {
    let token = RuntimeToken::mint().unwrap();
    let valid = token.expose().as_bytes();
    let access = AccessToken::mint().unwrap();
    let mut mistyped = valid.to_vec();
    mistyped[20] = if valid[20] == b'x' { b'y' } else { b'x' };
    let long = vec![b'x'; 1 << 20];
    let long_token = [valid, &long].concat();
    // The first check may initialize the detection of CPU features, which may allocate.
    RuntimeToken::hash_presented(valid);

    let (hash, allocations) = allocations_in(|| RuntimeToken::hash_presented(valid));
    assert_eq!((hash, allocations), (Some(token.hash()), 0));

    let refused: [&[u8]; 6] = [
        b"",
        &[0xff; 45],
        access.expose().as_bytes(),
        &mistyped,
        &long,
        &long_token,
    ];
    for value in refused {
        let result = allocations_in(|| RuntimeToken::hash_presented(value));
        assert_eq!(result, (None, 0));
        let (result, allocations) = allocations_in(|| RuntimeToken::parse_bytes(value).is_err());
        assert_eq!((result, allocations), (true, 0));
    }
}

#[test]
fn minting_parsing_and_naming_a_token_do_not_allocate() {
    RuntimeToken::mint().unwrap();
    let (token, allocations) = allocations_in(|| RuntimeToken::mint().unwrap());
    assert_eq!(allocations, 0);
    let (_, allocations) =
        allocations_in(|| RuntimeToken::parse(token.expose()).map(|token| token.display_prefix()));
    assert_eq!(allocations, 0);
}

#[test]
fn redacting_text_without_a_token_does_not_allocate() {
    let text = "GET /send-email 200 jfn_rt_abc1... jfn_";
    let (redacted, allocations) = allocations_in(|| redact(text));
    assert_eq!((redacted.as_ref(), allocations), (text, 0));
}

#[test]
fn a_dropped_token_is_zeroized() {
    let remains = remains_of(Box::new(RuntimeToken::mint().unwrap()));
    assert_eq!(remains, [0; size_of::<RuntimeToken>()]);
}
