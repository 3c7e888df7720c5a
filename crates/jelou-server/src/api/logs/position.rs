//! A position in the logs of all servers: for each server, the sequence number of the last record that a reader has
//! seen.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jelou_core::NodeId;
use jiff::Timestamp;

/// Times of positions are later than this. A smaller number is a position in the log of one server alone.
const EARLIEST_MS: i64 = 1_577_836_800_000; // 2020-01-01T00:00:00Z

/// Written as `<time>;<server>:<number>;...`, without the prefix of the ids of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// The records of a server that was unknown at this time begin at this time. In milliseconds since the Unix epoch.
    pub(super) known_at_ms: i64,
    /// Also contains servers that do not run now, because they may start again.
    pub(super) seen: BTreeMap<NodeId, u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.known_at_ms)?;
        for (node, seq) in &self.seen {
            let id = node.as_str();
            write!(
                f,
                ";{}:{seq}",
                id.strip_prefix(NodeId::PREFIX).unwrap_or(id)
            )?;
        }
        Ok(())
    }
}

/// The text is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoPosition;

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let mut parts = text.split(';');
        let known_at_ms = parts.next().and_then(|time| time.parse().ok());
        let known_at_ms = known_at_ms
            .filter(|time| *time >= EARLIEST_MS && Timestamp::from_millisecond(*time).is_ok());
        let seen = parts.map(|part| {
            let (id, seq) = part.split_once(':')?;
            let node = format!("{}{id}", NodeId::PREFIX).parse().ok()?;
            Some((node, seq.parse().ok()?))
        });
        Ok(Self {
            known_at_ms: known_at_ms.ok_or(NoPosition)?,
            seen: seen.collect::<Option<_>>().ok_or(NoPosition)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        let mut position = Position {
            known_at_ms: 1_796_012_345_678,
            ..Position::default()
        };
        assert_eq!(position.to_string().parse(), Ok(position.clone()));
        for seq in [0, u64::MAX] {
            position.seen.insert(NodeId::generate(), seq);
        }
        let text = position.to_string();
        assert_eq!(text.parse(), Ok(position));
        for wrong in [
            "",
            "x",
            "7",
            "-9223372036854775808",
            "9223372036854775807",
            "1796012345678;",
            "1796012345678;2:3",
            &text.replace(':', ""),
            &format!("{text};"),
            &text.replace(';', ";node_"),
        ] {
            assert_eq!(wrong.parse::<Position>(), Err(NoPosition), "{wrong}");
        }
    }
}
