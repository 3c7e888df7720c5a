//! The servers of a shared database.

use jelou_core::NodeId;
use jelou_store::{NodeReport, Position};

use crate::fixture::{Fixture, start};

fn report(address: &str, revision: i64) -> NodeReport {
    NodeReport {
        id: NodeId::generate(),
        address: address.to_owned(),
        version: "1.0.0".to_owned(),
        started_at: start(),
        position: Position {
            revision,
            hash: None,
            exchanges: 2,
        },
        clock_offset_ms: -3,
        unapplied: vec!["the function `una`: unreadable".to_owned()],
    }
}

#[tokio::test]
async fn a_server_is_listed_until_it_stops_or_was_silent_for_too_long() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let now = store.database_time().await.unwrap();
    let clock = jelou_core::Clock::system().now_ms();
    assert!((now - clock).abs() < 60_000, "{now} {clock}");
    let (mut first, second) = (report("http://a:4400", 1), report("http://b:4400", 1));
    store.report_node(&first, now).await.unwrap();
    store.report_node(&second, now - 30_000).await.unwrap();
    first.position.revision = 7;
    store.report_node(&first, now).await.unwrap();
    let nodes = store.nodes(60_000).await.unwrap().rows;
    let reports: Vec<_> = nodes.iter().map(|node| node.report.clone()).collect();
    assert_eq!(reports, [first.clone(), second.clone()]);
    assert!((30_000..60_000).contains(&nodes[1].silent_ms), "{nodes:?}");
    assert_eq!(store.nodes(10_000).await.unwrap().rows.len(), 1);
    store.remove_node(&first.id, 60_000).await.unwrap();
    let nodes = store.nodes(60_000).await.unwrap().rows;
    assert_eq!(nodes.len(), 1);
    store
        .remove_node(&NodeId::generate(), 10_000)
        .await
        .unwrap();
    assert_eq!(store.nodes(60_000).await.unwrap().rows, []);
}
