//! The audit trail as a hash chain: each entry contains the hash of the previous entry. Thus a changed, missing or
//! reordered entry is detected.
//!
//! The hash of an entry is SHA-256, in lower-case hexadecimal, over its canonical bytes: the entry as JSON without the
//! member `hash`, in the form of RFC 8785 (sorted members, no white space). Numbers are integers. The member `previous`
//! is the hash of the previous entry. For the first entry, it is 64 zeros.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::AuditEntry;

/// The value of `previous` in the first entry.
pub const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Returns the canonical bytes of an entry, which are hashed.
pub fn canonical(entry: &AuditEntry) -> String {
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        members.remove("hash");
    }
    let mut text = String::new();
    write_canonical(&value, &mut text);
    text
}

/// Returns the hash of an entry. The member `previous` must be set.
pub fn hash(entry: &AuditEntry) -> String {
    let digest = Sha256::digest(canonical(entry));
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes a value in the form of RFC 8785, for values without fractions. `serde_json` escapes strings as section
/// 3.2.2.2 requires.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (position, (name, value)) in members.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::from(name.as_str()));
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// Why the trail is not the original one. Each variant contains the id of the first wrong entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    #[error("entry {id} was changed: its hash does not match its content")]
    Changed { id: i64 },
    #[error("entry {id} is missing")]
    Missing { id: i64 },
    #[error("entry {id} is out of order: it follows entry {after}")]
    Reordered { id: i64, after: i64 },
    #[error("entry {id} does not continue the trail: the entry before it was changed or replaced")]
    Broken { id: i64 },
    #[error("entry {id} has no hash")]
    Unhashed { id: i64 },
    #[error(
        "the trail ends at entry {last}, and the server's last change is {head}: entries were cut off"
    )]
    CutOff { last: i64, head: i64 },
    #[error("the last entry {id} is not the one that the server wrote")]
    OtherHead { id: i64 },
}

/// Verifies entries one by one, oldest first. The first verified entry need not be the first of the trail.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    last: Option<(i64, String)>,
    count: u64,
}

impl Verifier {
    /// # Errors
    /// The entry does not follow the previous entry.
    pub fn add(&mut self, entry: &AuditEntry) -> Result<(), ChainFault> {
        let id = entry.id;
        let (Some(own), Some(previous)) = (&entry.hash, &entry.previous) else {
            return Err(ChainFault::Unhashed { id });
        };
        match &self.last {
            Some((after, _)) if id <= *after => {
                return Err(ChainFault::Reordered { id, after: *after });
            }
            Some((before, _)) if id > before + 1 => {
                return Err(ChainFault::Missing { id: before + 1 });
            }
            None if id == 1 && previous != FIRST => return Err(ChainFault::Broken { id }),
            _ => {}
        }
        if hash(entry) != *own {
            return Err(ChainFault::Changed { id });
        }
        if self.last.as_ref().is_some_and(|(_, hash)| hash != previous) {
            return Err(ChainFault::Broken { id });
        }
        self.last = Some((id, own.clone()));
        self.count += 1;
        Ok(())
    }

    /// Compares the last verified entry with the head of the trail that the server reports.
    ///
    /// # Errors
    /// The trail ends before the head, or with a different entry.
    pub fn end(&self, head: i64, hash: &str) -> Result<(), ChainFault> {
        let last = self.last.as_ref().map_or(0, |(id, _)| *id);
        if last < head {
            return Err(ChainFault::CutOff { last, head });
        }
        match &self.last {
            Some((id, own)) if *id == head && own != hash => Err(ChainFault::OtherHead { id: *id }),
            _ => Ok(()),
        }
    }

    /// Returns the number of verified entries.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the id and the hash of the last verified entry.
    pub fn last(&self) -> Option<(i64, &str)> {
        self.last.as_ref().map(|(id, hash)| (*id, hash.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<AuditEntry> {
        let mut previous = FIRST.to_owned();
        (1..=length)
            .map(|id| {
                let mut entry = AuditEntry {
                    id,
                    at: jiff::Timestamp::from_millisecond(1_700_000_000_000 + id).unwrap(),
                    actor: "pat_x".to_owned(),
                    actor_name: Some("ana".to_owned()),
                    address: Some("203.0.113.9".to_owned()),
                    action: "limit.set".to_owned(),
                    function: None,
                    target: "ñ\u{1}\"".to_owned(),
                    detail: None,
                    before: None,
                    after: Some(serde_json::json!({ "b": 1, "a": [true, null] })),
                    previous: Some(previous.clone()),
                    hash: None,
                };
                previous = hash(&entry);
                entry.hash = Some(previous.clone());
                entry
            })
            .collect()
    }

    fn verify(entries: &[AuditEntry]) -> Result<Verifier, ChainFault> {
        let mut verifier = Verifier::default();
        entries.iter().try_for_each(|entry| verifier.add(entry))?;
        Ok(verifier)
    }

    /// A verification by another program needs exactly these bytes, so they must never change.
    #[test]
    fn the_canonical_bytes_and_their_hash() {
        let entry = &chain(1)[0];
        assert_eq!(
            canonical(entry),
            r#"{"action":"limit.set","actor":"pat_x","actorName":"ana","address":"203.0.113.9","after":{"a":[true,null],"b":1},"at":"2023-11-14T22:13:20.001Z","before":null,"detail":null,"function":null,"id":1,"previous":"0000000000000000000000000000000000000000000000000000000000000000","target":"ñ\u0001\""}"#
        );
        assert_eq!(entry.hash.as_deref().unwrap(), VECTOR);
    }

    const VECTOR: &str = "3deda7528b0384135222aee3e8e60119a8a548c5509a38bb560a6db6f6bf4bc4";

    #[test]
    fn changed_missing_and_reordered_entries_are_reported() {
        let good = chain(6);
        let verified = verify(&good).unwrap();
        let head = good[5].hash.as_deref().unwrap();
        assert_eq!(verified.end(6, head), Ok(()));
        assert_eq!(verify(&good[2..]).map(|verified| verified.count()), Ok(4));

        let fault = |change: fn(&mut Vec<AuditEntry>)| {
            let mut entries = good.clone();
            change(&mut entries);
            verify(&entries).unwrap_err()
        };
        assert_eq!(
            fault(|e| e[2].actor = "x".into()),
            ChainFault::Changed { id: 3 }
        );
        assert_eq!(fault(|e| e[2].after = None), ChainFault::Changed { id: 3 });
        assert_eq!(fault(|e| drop(e.remove(3))), ChainFault::Missing { id: 4 });
        assert_eq!(fault(|e| e.swap(2, 3)), ChainFault::Missing { id: 3 });
        assert_eq!(
            fault(|e| e.insert(4, e[1].clone())),
            ChainFault::Reordered { id: 2, after: 4 }
        );
        // The entry is changed together with its hash.
        let forged = fault(|e| {
            e[2].detail = Some("x".into());
            e[2].hash = Some(hash(&e[2]));
        });
        assert_eq!(forged, ChainFault::Broken { id: 4 });
        assert_eq!(fault(|e| e[2].hash = None), ChainFault::Unhashed { id: 3 });
        assert_eq!(
            fault(|e| e[0].previous = Some("x".into())),
            ChainFault::Broken { id: 1 }
        );
        let short = verify(&good[..4]).unwrap();
        assert_eq!(
            short.end(6, head),
            Err(ChainFault::CutOff { last: 4, head: 6 })
        );
        assert_eq!(verified.end(6, "x"), Err(ChainFault::OtherHead { id: 6 }));
    }
}
