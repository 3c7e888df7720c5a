//! Claims, ends, interruptions and the history of runs.

use jelou_core::api::{RunOrigin, RunState};
use jelou_core::{DeploymentId, FunctionId, NodeId, RunId};
use jelou_store::{Claimed, NewRun, NodeReport, Position, RunEnd, RunQuery, Store, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Fixture, actor, slug, start};

fn run(function: &FunctionId, minutes: i64) -> NewRun {
    NewRun {
        id: RunId::generate(),
        function: function.clone(),
        schedule: "daily".to_owned(),
        due_at: due(minutes),
        origin: RunOrigin::Schedule,
        state: RunState::Running,
        reason: None,
        deployment: DeploymentId::generate(),
        missed: 0,
        max_elsewhere: None,
    }
}

fn due(minutes: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minutes)
}

fn end(run: &NewRun, state: RunState) -> RunEnd {
    RunEnd {
        id: run.id.clone(),
        function: run.function.clone(),
        schedule: run.schedule.clone(),
        state,
        reason: None,
        started_at: run.due_at,
        ended_at: run.due_at,
        attempts: 1,
        status: Some(200),
        request_id: "r".to_owned(),
    }
}

fn all() -> RunQuery {
    RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    }
}

#[tokio::test]
async fn a_due_time_is_claimed_once_by_however_many_servers() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let other = fixture.open_again().await;
    let mut claims = tokio::task::JoinSet::new();
    for number in 0..40 {
        let store = if number % 2 == 0 {
            fixture.store.clone()
        } else {
            other.clone()
        };
        let run = run(&function, 5);
        claims.spawn(async move { store.claim_runs(&[run]).await.unwrap()[0] });
    }
    let claimed = claims.join_all().await;
    let granted = claimed
        .iter()
        .filter(|claimed| **claimed == Claimed::Granted);
    assert_eq!(granted.count(), 1);
    assert_eq!(
        fixture
            .store
            .list_runs(&function, &all())
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
}

#[tokio::test]
async fn an_earlier_due_time_is_settled_too() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let claims = [
        run(&function, 5),
        run(&function, 6),
        run(&function, 4),
        run(&function, 6),
    ];
    let claimed = fixture.store.claim_runs(&claims).await.unwrap();
    let (granted, settled) = (Claimed::Granted, Claimed::Settled);
    assert_eq!(claimed, [granted, granted, settled, settled]);
    let states = fixture.store.schedule_states().await.unwrap();
    assert_eq!(states[0].settled_until, due(6));
    // A run that a user has requested claims no due time.
    let manual = NewRun {
        origin: RunOrigin::Manual,
        ..run(&function, 6)
    };
    fixture
        .store
        .claim_manual_run(&actor(), &manual)
        .await
        .unwrap();
    assert_eq!(
        fixture
            .store
            .run(&function, &manual.id)
            .await
            .unwrap()
            .due_at,
        due(6)
    );
    assert_eq!(
        fixture
            .store
            .claim_runs(&[run(&function, 7)])
            .await
            .unwrap(),
        [Claimed::Granted]
    );
}

#[tokio::test]
async fn a_run_that_a_crash_interrupted_is_an_error() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let (ended, cut) = (run(&function, 1), run(&function, 2));
    fixture
        .store
        .claim_runs(&[ended.clone(), cut.clone()])
        .await
        .unwrap();
    fixture
        .store
        .finish_runs(&[end(&ended, RunState::Ok)])
        .await
        .unwrap();
    let interrupted = fixture.open_again().await.interrupt_runs().await.unwrap();
    assert_eq!(interrupted.len(), 1);
    let run = fixture.store.run(&function, &cut.id).await.unwrap();
    assert_eq!(
        (run.state, run.reason.as_deref()),
        (RunState::Error, Some("interrupted"))
    );
    // A late result changes nothing.
    fixture
        .store
        .finish_runs(&[end(&cut, RunState::Ok)])
        .await
        .unwrap();
    let run = fixture.store.run(&function, &cut.id).await.unwrap();
    assert_eq!(run.state, RunState::Error);
    assert_eq!(fixture.store.interrupt_runs().await.unwrap(), []);
}

async fn report(store: &Store, node: &NodeId, now_ms: i64) {
    let report = NodeReport {
        id: node.clone(),
        address: String::new(),
        version: String::new(),
        started_at: start(),
        position: Position::default(),
        clock_offset_ms: 0,
        unapplied: Vec::new(),
    };
    store.report_node(&report, now_ms).await.unwrap();
}

#[tokio::test]
async fn runs_of_other_servers_overlap_while_their_server_is_there() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let nodes = [NodeId::generate(), NodeId::generate()];
    let [here, there] = nodes
        .each_ref()
        .map(|node| fixture.store.clone().of_node(node.clone()));
    let now = fixture.store.database_time().await.unwrap();
    for node in &nodes {
        report(&here, node, now).await;
    }
    let claim = async |store: &Store, minute, max_elsewhere| {
        let run = NewRun {
            max_elsewhere,
            ..run(&function, minute)
        };
        let claimed = store.claim_runs(std::slice::from_ref(&run)).await.unwrap()[0];
        (claimed, run)
    };
    let (skip, queue, allow) = (Some(0), Some(1), None);
    let (claimed, first) = claim(&there, 1, skip).await;
    assert_eq!(claimed, Claimed::Granted);

    // A server checks its own runs itself, because it knows their ends before they are stored.
    assert_eq!(claim(&there, 2, skip).await.0, Claimed::Granted);
    let (claimed, missed) = claim(&here, 3, skip).await;
    assert_eq!(claimed, Claimed::Overlapped);
    let stored = here.run(&function, &missed.id).await.unwrap();
    let why = stored.reason.as_deref();
    assert_eq!(
        (stored.state, why, stored.missed),
        (RunState::Missed, Some("overlap"), 1)
    );
    // The due time is settled.
    assert_eq!(claim(&there, 3, allow).await.0, Claimed::Settled);
    assert_eq!(claim(&here, 4, queue).await.0, Claimed::Overlapped);
    there
        .finish_runs(&[end(&first, RunState::Ok)])
        .await
        .unwrap();
    let (claimed, queued) = claim(&here, 5, queue).await;
    assert_eq!(claimed, Claimed::Granted);
    assert!(here.has_earlier_run_elsewhere(&queued).await.unwrap());
    let (claimed, later) = claim(&there, 6, allow).await;
    assert_eq!(claimed, Claimed::Granted);
    let two = RunQuery {
        state: Some(RunState::Running),
        ..all()
    };
    for running in here.list_runs(&function, &two).await.unwrap().rows {
        if ![&queued.id, &later.id].contains(&&running.id) {
            let mut ended = end(&later, RunState::Ok);
            ended.id = running.id;
            there.finish_runs(&[ended]).await.unwrap();
        }
    }
    // A later run does not delay the queued run.
    assert!(!here.has_earlier_run_elsewhere(&queued).await.unwrap());
    assert!(there.has_earlier_run_elsewhere(&later).await.unwrap());

    // The other server was killed a minute ago.
    assert_eq!(claim(&here, 7, skip).await.0, Claimed::Overlapped);
    report(&there, &nodes[1], now - 61_000).await;
    assert_eq!(claim(&here, 8, skip).await.0, Claimed::Granted);
}

#[tokio::test]
async fn runs_of_other_servers_go_on_unless_their_server_is_gone() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let nodes = [NodeId::generate(), NodeId::generate(), NodeId::generate()];
    let now = fixture.store.database_time().await.unwrap();
    for (minute, (node, silent_ms)) in (1..).zip(nodes.iter().zip([0, 0, 3_600_000])) {
        let store = fixture.store.clone().of_node(node.clone());
        store.claim_runs(&[run(&function, minute)]).await.unwrap();
        report(&store, node, now - silent_ms).await;
    }
    let restarted = fixture.store.clone().of_node(nodes[0].clone());
    let interrupted = restarted.interrupt_runs().await.unwrap();
    let due: Vec<_> = interrupted.iter().map(|one| one.run.due_at).collect();
    assert_eq!(due, [run(&function, 1).due_at, run(&function, 3).due_at]);
}

#[tokio::test]
async fn a_hundred_runs_and_a_month_of_failures_are_kept() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    for minute in 0..150 {
        let run = run(&function, minute);
        fixture
            .store
            .claim_runs(std::slice::from_ref(&run))
            .await
            .unwrap();
        let state = if minute % 50 == 0 {
            RunState::Timeout
        } else {
            RunState::Ok
        };
        fixture
            .store
            .finish_runs(&[end(&run, state)])
            .await
            .unwrap();
    }
    let count = async |state| {
        let query = RunQuery { state, ..all() };
        fixture
            .store
            .list_runs(&function, &query)
            .await
            .unwrap()
            .rows
            .len()
    };
    // The failure of minute 0 is older than the last hundred runs.
    assert_eq!(count(None).await, 101);
    assert_eq!(count(Some(RunState::Timeout)).await, 3);
    fixture.advance(31 * 24 * 3_600);
    let run = run(&function, 200);
    fixture
        .store
        .claim_runs(std::slice::from_ref(&run))
        .await
        .unwrap();
    fixture
        .store
        .finish_runs(&[end(&run, RunState::Ok)])
        .await
        .unwrap();
    assert_eq!(count(None).await, 100);
    assert_eq!(count(Some(RunState::Timeout)).await, 1);
    let page = RunQuery { limit: 10, ..all() };
    let newest = fixture
        .store
        .list_runs(&function, &page)
        .await
        .unwrap()
        .rows;
    assert_eq!(newest[0].id, run.id);
    let older = RunQuery {
        before: Some(newest[9].id.clone()),
        ..page
    };
    let older = fixture
        .store
        .list_runs(&function, &older)
        .await
        .unwrap()
        .rows;
    assert!(older[0].id < newest[9].id);
    assert_eq!(
        fixture.store.last_runs(&function).await.unwrap().rows,
        [newest[0].clone()]
    );
}

#[tokio::test]
async fn a_pause_is_stored_and_audited() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    let schedules = ["a".to_owned(), "b".to_owned()];
    let store = &fixture.store;
    store
        .set_schedules_paused(&actor(), &function, &schedules, true)
        .await
        .unwrap();
    let states = fixture.open_again().await.schedule_states().await.unwrap();
    assert!(states.iter().all(|state| state.paused_at.is_some()));
    assert_eq!(states[0].paused_by.as_deref(), Some(actor().name.as_str()));
    store
        .set_schedules_paused(&actor(), &function, &schedules[..1], false)
        .await
        .unwrap();
    let states = store.schedule_states().await.unwrap();
    assert_eq!(
        states
            .iter()
            .filter(|state| state.paused_at.is_some())
            .count(),
        1
    );
    let audit = store.audit(None, 3).await.unwrap().items;
    let actions: Vec<_> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["schedule.resume", "schedule.pause", "schedule.pause"]
    );
}

#[tokio::test]
async fn a_deleted_function_takes_its_runs_with_it() {
    let fixture = Fixture::new().await;
    let function = fixture.function("f").await.id;
    fixture
        .store
        .claim_runs(&[run(&function, 1)])
        .await
        .unwrap();
    fixture
        .store
        .delete_function(&actor(), &slug("f"))
        .await
        .unwrap();
    assert_eq!(fixture.store.schedule_states().await.unwrap(), []);
    // The run is claimed just after the deletion.
    let late = run(&function, 2);
    fixture
        .store
        .claim_runs(std::slice::from_ref(&late))
        .await
        .unwrap();
    fixture.store.interrupt_runs().await.unwrap();
    let gone = fixture.store.run(&function, &late.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
}
