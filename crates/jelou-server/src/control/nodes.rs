//! The servers of a shared database: the report of this server, and the servers that have not applied a change yet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jelou_core::NodeId;
use jelou_core::api::NodeInfo;
use jelou_store::{NodeRecord, NodeReport, Position, Readable, StoreError};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Control, ControlError};

/// How often a server reports, if no change makes it report earlier.
pub(crate) const REPORT_PERIOD: Duration = Duration::from_secs(1);
/// A server that has not reported for longer is gone. Before that, it may be paused or cut off, and still answer calls.
const GONE_AFTER_MS: i64 = 60_000;
/// The longest wait of a change for the other servers.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The interval of the queries for the positions of the other servers.
const LOOK: Duration = Duration::from_millis(10);
/// If the database answers more slowly, the clocks are not compared, because the result would be too inaccurate.
const MAX_ROUND_TRIP_MS: i64 = 500;
/// A larger difference between the clocks is logged.
const MAX_CLOCK_OFFSET_MS: u64 = 1_000;

/// The facts about this server that do not change while it runs.
#[derive(Debug)]
pub(crate) struct SelfDescription {
    /// URL of the management API.
    pub(crate) address: String,
    pub(crate) started_at: Timestamp,
}

impl Control {
    /// Stores the position that this server has applied, and how far its clock is ahead.
    pub(crate) async fn report_node(&self) -> Result<(), StoreError> {
        let (Some(id), Some(described)) = (self.store.node(), self.described_self.get()) else {
            return Ok(());
        };
        let asked = self.clock.now_ms();
        let now_ms = self.store.database_time().await?;
        let answered = self.clock.now_ms();
        if answered - asked <= MAX_ROUND_TRIP_MS {
            let offset = i64::midpoint(asked, answered) - now_ms;
            self.clock_offset_ms.store(offset, Ordering::Relaxed);
        }
        let clock_offset_ms = self.clock_offset_ms.load(Ordering::Relaxed);
        let is_off = clock_offset_ms.unsigned_abs() > MAX_CLOCK_OFFSET_MS;
        let was_off = self.clock_is_off.swap(is_off, Ordering::Relaxed);
        if is_off && !was_off {
            tracing::warn!(
                "the clock of this server differs by {clock_offset_ms} ms from the clock of the database; tokens expire by it"
            );
        }
        let report = NodeReport {
            id: id.clone(),
            address: described.address.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: described.started_at,
            position: self.position.lock().await.clone(),
            clock_offset_ms,
            unapplied: self.unapplied.described(),
        };
        self.store.report_node(&report, now_ms).await
    }

    /// Removes this server from the stored servers, because it stops.
    pub(crate) async fn retire_node(&self) {
        if let Some(id) = self.store.node()
            && let Err(error) = self.store.remove_node(id, 10 * GONE_AFTER_MS).await
        {
            tracing::warn!(%error, "cannot tell the other servers that this one stops");
        }
    }

    /// Returns the servers of the database. Empty if the database is not shared.
    pub(crate) async fn nodes(&self) -> Result<Readable<NodeInfo>, ControlError> {
        if !self.store.is_shared() {
            return Ok(Readable::default());
        }
        let head = self.store.position().await?;
        let nodes = self.store.nodes(GONE_AFTER_MS).await?;
        Ok(nodes.map(|node| self.described_node(node, &head)))
    }

    /// Returns the id and the address of every server that uses the database, including this server.
    pub(crate) async fn servers(&self) -> Result<Vec<(NodeId, String)>, StoreError> {
        let nodes = self.store.nodes(GONE_AFTER_MS).await?.all()?.into_iter();
        let servers = nodes.map(|node| (node.report.id, node.report.address));
        let mut servers: Vec<_> = servers.collect();
        // This server may not have reported yet.
        if let (Some(own), Some(described)) = (self.store.node(), self.described_self.get())
            && !servers.iter().any(|(id, _)| id == own)
        {
            servers.push((own.clone(), described.address.clone()));
        }
        Ok(servers)
    }

    fn described_node(&self, node: NodeRecord, head: &Position) -> NodeInfo {
        let report = node.report;
        NodeInfo {
            answering: self.store.node() == Some(&report.id),
            behind: head.revision - report.position.revision,
            id: report.id,
            address: report.address,
            version: report.version,
            started_at: report.started_at,
            revision: report.position.revision,
            hash: report.position.hash,
            silent_ms: node.silent_ms,
            clock_offset_ms: report.clock_offset_ms,
            unapplied: report.unapplied,
        }
    }

    /// Waits until all other servers have applied all stored changes, for at most 2 seconds. Returns the addresses of
    /// servers that have not.
    pub(crate) async fn applied_everywhere(&self) -> Vec<String> {
        let Some(own) = self.store.node() else {
            return Vec::new();
        };
        let looking = tokio::time::timeout(2 * MAX_WAIT, async {
            let deadline = Instant::now() + MAX_WAIT;
            let target = self.store.position().await?;
            loop {
                let mut nodes = self.store.nodes(GONE_AFTER_MS).await?.all()?;
                nodes.retain(|node| node.report.id != *own && is_behind(node, &target));
                if nodes.is_empty() || Instant::now() >= deadline {
                    let addresses = nodes.into_iter().map(|node| node.report.address);
                    return Ok::<_, StoreError>(addresses.collect());
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        // The change is stored, but it is unknown which servers have applied it.
        let unknown = || vec!["every other server (the database does not answer)".to_owned()];
        looking
            .await
            .ok()
            .and_then(Result::ok)
            .unwrap_or_else(unknown)
    }
}

fn is_behind(node: &NodeRecord, target: &Position) -> bool {
    let position = &node.report.position;
    position.revision < target.revision || position.exchanges < target.exchanges
}

/// Returns the default URL under which other servers reach this server. If it listens on all addresses, the URL has the
/// name of the machine.
pub(crate) fn reachable(api: &str) -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => api.to_owned(),
        name => api
            .replace("//0.0.0.0", &format!("//{name}"))
            .replace("//[::]", &format!("//{name}")),
    }
}
