//! The sums of calls of all servers of the database.

use std::time::Duration;

use jelou_logs::CallSums;
use tokio::task::JoinSet;
use url::form_urlencoded::byte_serialize;

use super::local::Read;
use super::source::{Asked, target};
use crate::api::app::App;
use crate::api::problem::ApiError;
use crate::control::ControlError;
use crate::peers::{Peer, PeerError};

/// Adds the sums of the other servers to those of this server. Also returns the addresses of the servers that do not
/// answer.
pub(super) async fn of_all(
    control: &App,
    asked: &Asked,
    by: &str,
    own: CallSums,
) -> Result<(CallSums, Vec<String>), ApiError> {
    let by: String = byte_serialize(by.as_bytes()).collect();
    let target = target("statistics", asked, Read::After(0), Duration::ZERO);
    let target = format!("{target}&by={by}");
    let mut asking = JoinSet::new();
    for (node, address) in control.servers().await.map_err(ControlError::from)? {
        if control.store.node() == Some(&node) {
            continue;
        }
        let (control, target) = (control.clone(), target.clone());
        asking.spawn(async move {
            let asked = async {
                let mut peer = Peer::new(&control, node, &address)?;
                peer.get(&target, control.clock.now_ms(), Duration::ZERO)
                    .await
            };
            let answer = asked.await.and_then(|answer| {
                serde_json::from_slice::<CallSums>(&answer)
                    .map_err(|error| PeerError::Broken(error.to_string()))
            });
            (address, answer)
        });
    }
    let (mut sums, mut missing) = (own, Vec::new());
    for (address, answer) in asking.join_all().await {
        match answer {
            Ok(other) => sums.add(other),
            Err(error) => {
                tracing::warn!(%error, address, "another server does not answer");
                missing.push(address);
            }
        }
    }
    Ok((sums, missing))
}
