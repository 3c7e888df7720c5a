//! Encryption of secrets, and their binding to owner and key.

use jelou_core::FunctionId;
use jelou_store::{SealedSecret, SecretOwner, Vault, VaultError};

use crate::fixture::secret_key;

const HEXADECIMAL: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn vault() -> Vault {
    Vault::from_master_key(HEXADECIMAL).unwrap()
}

fn owner() -> SecretOwner {
    SecretOwner::Function("func_01k0000000000000000000000a".parse().unwrap())
}

fn seal(value: &str) -> SealedSecret {
    vault().seal(&owner(), &secret_key("KEY"), value).unwrap()
}

#[test]
fn what_is_sealed_opens_again() {
    for value in ["", "x", "ñandú 🦤", &"long ".repeat(10_000)] {
        let opened = vault()
            .unseal(&owner(), &secret_key("KEY"), &seal(value))
            .unwrap();
        assert_eq!(*opened, value);
    }
}

#[test]
fn ciphertexts_show_nothing_and_never_repeat() {
    let value = "correct horse battery staple";
    let (one, two) = (seal(value), seal(value));
    assert_ne!(one.ciphertext(), two.ciphertext());
    // The nonce, the value and the authentication tag.
    assert_eq!(one.ciphertext().len(), 24 + value.len() + 16);
    let found = one
        .ciphertext()
        .windows(value.len())
        .any(|window| window == value.as_bytes());
    assert!(!found);
}

#[test]
fn every_bit_is_authenticated() {
    let sealed = seal("value");
    for position in 0..sealed.ciphertext().len() {
        let mut changed = sealed.ciphertext().to_vec();
        changed[position] ^= 1;
        let changed = SealedSecret::from_parts(sealed.key_id().clone(), changed);
        let answer = vault().unseal(&owner(), &secret_key("KEY"), &changed);
        assert!(
            matches!(answer, Err(VaultError::Unreadable { .. })),
            "byte {position}"
        );
    }
    for length in 0..sealed.ciphertext().len() {
        let cut = sealed.ciphertext()[..length].to_vec();
        let cut = SealedSecret::from_parts(sealed.key_id().clone(), cut);
        let answer = vault().unseal(&owner(), &secret_key("KEY"), &cut);
        assert!(
            matches!(answer, Err(VaultError::Unreadable { .. })),
            "{length} bytes"
        );
    }
}

#[test]
fn a_value_moved_to_another_row_does_not_open() {
    let sealed = seal("value");
    for (owner, key) in [
        (owner(), "OTHER"),
        (SecretOwner::Organisation, "KEY"),
        (SecretOwner::Function(FunctionId::generate()), "KEY"),
    ] {
        let error = vault()
            .unseal(&owner, &secret_key(key), &sealed)
            .unwrap_err();
        assert!(matches!(error, VaultError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(key));
    }
}

#[test]
fn an_unknown_key_is_named() {
    let sealed = Vault::from_master_key(OTHER)
        .unwrap()
        .seal(&owner(), &secret_key("KEY"), "value")
        .unwrap();
    let error = vault()
        .unseal(&owner(), &secret_key("KEY"), &sealed)
        .unwrap_err();
    assert!(matches!(error, VaultError::UnknownKey { .. }));
    assert!(error.to_string().contains(sealed.key_id().as_str()));
}

/// The id is stored with every value, so it must never change.
#[test]
fn the_id_of_a_key_is_for_ever() {
    assert_eq!(vault().key_id().as_str(), "c935ce22");
}

#[test]
fn a_master_key_is_read_from_either_encoding() {
    for text in [
        HEXADECIMAL,
        &HEXADECIMAL.to_uppercase(),
        BASE64,
        &format!("  {BASE64}\n"),
    ] {
        let read = Vault::from_master_key(text).unwrap();
        assert_eq!(read.key_id(), vault().key_id(), "{text}");
    }
}

#[test]
fn a_master_key_of_another_length_or_alphabet_is_refused_and_not_shown() {
    for bad in [
        "",
        "hunter2",
        &HEXADECIMAL[2..],
        &format!("{HEXADECIMAL}00"),
        &HEXADECIMAL.replace('a', "g"),
        &BASE64[4..],
        &BASE64.replace('A', "*"),
        &"A".repeat(44),
        &"ñ".repeat(32),
        &"+f".repeat(32),
    ] {
        let error = Vault::from_master_key(bad).unwrap_err();
        assert!(matches!(error, VaultError::MasterKey), "{bad}");
        let shown = format!("{error} {error:?}");
        assert!(bad.is_empty() || !shown.contains(bad), "{shown}");
    }
}

#[test]
fn debug_shows_neither_key_nor_value() {
    let sealed = seal("value");
    let shown = format!("{:?} {sealed:?}", vault());
    assert_eq!(
        shown,
        r#"Vault { key_id: KeyId("c935ce22"), .. } SealedSecret { key_id: KeyId("c935ce22"), .. }"#
    );
}
