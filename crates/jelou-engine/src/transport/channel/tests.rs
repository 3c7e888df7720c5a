//! Tests of the call channel against a worker that sends arbitrary frames.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::*;

const REQUEST: u8 = 1;
const ANSWER: u8 = 1;
const HELD: u8 = 2;
const WORK: u8 = 3;
const WORKED: u8 = 4;
const RECEIPT: u8 = 5;
const MAX_HEAD: usize = 8 * 1024;

/// The requests whose work has not ended.
#[derive(Debug, Default)]
struct Reports(Mutex<Vec<Uuid>>);

impl WorkReports for Reports {
    fn began(&self, request_id: Uuid) {
        self.0.lock().unwrap().push(request_id);
    }

    fn ended(&self, request_id: Uuid) {
        self.0.lock().unwrap().retain(|id| *id != request_id);
    }
}

/// A channel whose other end the test uses, in place of a worker.
fn channel() -> (Arc<Channel>, Driver, UnixStream) {
    let (near, worker) = UnixStream::pair().unwrap();
    let socket = Arc::new(near.into_std().unwrap());
    let reader = Reader::new(Arc::clone(&socket), None).unwrap();
    let channel = Arc::new(Channel::new(FrameWriter::new(socket)));
    let reports = Arc::<Reports>::default();
    let driver = Driver::new(reader, Arc::clone(&channel), reports, MAX_HEAD);
    (channel, driver, worker)
}

fn running() -> (Arc<Channel>, UnixStream) {
    let (channel, driver, worker) = channel();
    tokio::spawn(driver.run());
    (channel, worker)
}

fn begin(channel: &Arc<Channel>, body: &[u8]) -> Option<Call> {
    let (head, ()) = http::Request::new(()).into_parts();
    Call::begin(Arc::clone(channel), &CallFacts::PLAIN, &head, body).unwrap()
}

fn waiting(channel: &Channel) -> usize {
    channel.lock().writer.as_ref().unwrap().waiting()
}

/// Counts the request frames.
fn requests(mut frames: &[u8]) -> usize {
    let mut count = 0;
    while let Some((length, rest)) = frames.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        count += usize::from(rest[0] == REQUEST);
        frames = &rest[length..];
    }
    count
}

fn frame(kind: u8, id: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(5 + rest.len()).unwrap();
    let mut frame = length.to_be_bytes().to_vec();
    frame.push(kind);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(rest);
    frame
}

fn answer(id: u32, body: &[u8]) -> Vec<u8> {
    frame(ANSWER, id, &[&[0, 200, 0, 0, 0, 0], body].concat())
}

async fn whole(call: Call) -> Result<Bytes, String> {
    match call.answered(MAX_HEAD).await {
        Ok(Answered::Whole(response)) => Ok(response.into_body()),
        Ok(Answered::Held(_)) => Err("held".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn answers_may_arrive_in_any_order() {
    let (channel, mut worker) = running();
    let calls: Vec<_> = (0..3).map(|_| begin(&channel, b"").unwrap()).collect();
    let ids: Vec<_> = calls.iter().map(|call| call.ticket.id).collect();
    for id in ids.iter().rev() {
        worker
            .write_all(&answer(*id, &id.to_be_bytes()))
            .await
            .unwrap();
    }
    for (call, id) in calls.into_iter().zip(ids) {
        assert_eq!(whole(call).await.unwrap(), id.to_be_bytes().as_slice());
    }
}

#[tokio::test]
async fn a_worker_that_breaks_the_protocol_ends_its_calls_and_its_channel() {
    let hostile = |id: u32| {
        [
            ("an id of nobody", answer(id + 100, b"")),
            (
                "an answer twice",
                [answer(id, b""), answer(id, b"")].concat(),
            ),
            (
                "held, then answered",
                [frame(HELD, id, b""), answer(id, b"")].concat(),
            ),
            ("a giant length", u32::MAX.to_be_bytes().to_vec()),
            ("no length", vec![0; 4]),
            ("an unknown kind", frame(9, id, b"")),
            ("half an answer", frame(ANSWER, id, &[0, 200])),
            (
                "a head that is longer than its frame",
                frame(ANSWER, id, &[0, 200, 255, 255, 255, 255]),
            ),
            (
                "a status that is no answer",
                frame(ANSWER, id, &[0, 100, 0, 0, 0, 0]),
            ),
            (
                "another frame inside of the first",
                [&answer(id, b"")[..6], &answer(id, b"")].concat(),
            ),
        ]
    };
    for at in 0..hostile(0).len() {
        let (channel, mut worker) = running();
        let cancelled = begin(&channel, b"").unwrap().ticket.id;
        let call = begin(&channel, b"").unwrap();
        let other = begin(&channel, b"").unwrap();
        // One answer to a cancelled call may still arrive.
        worker.write_all(&answer(cancelled, b"")).await.unwrap();
        let (what, bytes) = &hostile(call.ticket.id)[at];
        worker.write_all(bytes).await.unwrap();
        let error = whole(other).await.unwrap_err();
        assert!(error.contains("broke the protocol"), "{what}: {error}");
        // The call has ended, with or without an answer.
        let _ = whole(call).await;
        worker.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

#[tokio::test]
async fn a_worker_that_ends_within_a_frame_ends_its_calls() {
    let (channel, mut worker) = running();
    let call = begin(&channel, b"").unwrap();
    let frame = answer(call.ticket.id, b"body");
    worker.write_all(&frame[..frame.len() - 1]).await.unwrap();
    drop(worker);
    whole(call).await.unwrap_err();
    let (head, ()) = http::Request::new(()).into_parts();
    assert!(Call::begin(channel, &CallFacts::PLAIN, &head, b"").is_err());
}

#[tokio::test]
async fn the_buffer_is_bounded_while_a_worker_does_not_read() {
    let (channel, mut worker) = running();
    let body = vec![0; crate::MAX_CALL_BODY];
    let most = MAX_OUTGOING + 2 * body.len();
    // The callers disconnect immediately.
    let mut begun = 0;
    while begin(&channel, &body).is_some() {
        begun += 1;
        assert!(waiting(&channel) < most);
        tokio::task::yield_now().await;
    }
    assert!(begun > MAX_OUTGOING / body.len());
    assert!(waiting(&channel) < most);
    // After the worker reads again, calls use the channel again.
    let mut buffer = vec![0; 1 << 20];
    while begin(&channel, b"").is_none() {
        assert!(worker.read(&mut buffer).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_complete_batch_is_written_before_later_calls_begin() {
    let (channel, _driver, worker) = channel();
    let mut calls: Vec<_> = (0..7).map(|_| begin(&channel, b"").unwrap()).collect();
    let mut buffer = [0; 4096];
    worker.try_read(&mut buffer).unwrap_err();
    calls.push(begin(&channel, b"").unwrap());
    worker.readable().await.unwrap();
    let read = worker.try_read(&mut buffer).unwrap();
    assert_eq!(requests(&buffer[..read]), 8);
    assert_eq!(waiting(&channel), 0);
}

#[tokio::test]
async fn the_second_of_two_single_calls_is_written_at_once() {
    let (channel, _driver, worker) = channel();
    let mut buffer = [0; 4096];
    drop(begin(&channel, b"").unwrap());
    worker.try_read(&mut buffer).unwrap_err();
    let second = begin(&channel, b"").unwrap();
    worker.readable().await.unwrap();
    let read = worker.try_read(&mut buffer).unwrap();
    assert_eq!(requests(&buffer[..read]), 2);
    let _third = begin(&channel, b"").unwrap();
    drop(second);
    worker.try_read(&mut buffer).unwrap_err();
}

/// Valid and invalid frames from a worker.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let head = prop_oneof![
        Just(Vec::new()),
        Just(b"a: b\nc: d\n".to_vec()),
        Just(b"a: b\r\n\r\nGET / HTTP/1.1\n".to_vec()),
        "[a-c: \r\n\u{e9}\u{2192}]{0,40}".prop_map(String::into_bytes),
        (0..10_000_usize).prop_map(|length| [&b"a: "[..], &vec![b'x'; length]].concat()),
    ];
    let length = prop_oneof![9 => Just(None), 1 => any::<u32>().prop_map(Some)];
    let answer = (0..4_u32, 90..1100_u16, head, length, 0..100_000_usize).prop_map(
        |(id, status, head, length, body)| {
            let length = length.unwrap_or(u32::try_from(head.len()).unwrap());
            let mut rest = status.to_be_bytes().to_vec();
            rest.extend_from_slice(&length.to_be_bytes());
            rest.extend_from_slice(&head);
            rest.resize(rest.len() + body, b'x');
            frame(ANSWER, id, &rest)
        },
    );
    let other = (
        any::<u8>(),
        0..4_u32,
        prop::collection::vec(any::<u8>(), 0..20),
    )
        .prop_map(|(kind, id, rest)| frame(kind, id, &rest));
    let frame = prop_oneof![
        4 => answer,
        1 => (0..4_u32).prop_map(|id| frame(HELD, id, b"")),
        1 => other,
        1 => prop::collection::vec(any::<u8>(), 0..50),
    ];
    // One byte may be changed.
    let change = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(frame, 1..6), change).prop_map(|(frames, change)| {
        let mut bytes = frames.concat();
        if let Some((at, byte)) = change
            && !bytes.is_empty()
        {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn parsed_frames_are_within_the_limits(bytes in frames()) {
        let mut rest = bytes.as_slice();
        while let Ok(Some((content, length))) = wire::next(rest, MAX_HEAD) {
            prop_assert!(length <= rest.len() && length <= wire::MAX_FRAME);
            if let Frame::Reply(_, Reply::Answer(response)) = content {
                prop_assert!(response.status().as_u16() >= 200);
                prop_assert!(response.body().len() < length);
                let headers = response.headers();
                prop_assert!(headers.len() <= 100);
                let fields = headers.iter();
                let head: usize = fields.map(|(name, value)| name.as_str().len() + value.len()).sum();
                prop_assert!(head <= MAX_HEAD);
                for value in headers.values() {
                    prop_assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                }
            }
            rest = &rest[length..];
        }
    }

    #[test]
    fn the_result_does_not_depend_on_how_the_frames_are_split(
        bytes in frames(),
        cuts in prop::collection::vec(1..70_000_usize, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let outcome = |cuts: &[usize]| {
            let (channel, mut driver, _worker) = channel();
            let calls: Vec<_> = (0..3).map(|_| begin(&channel, b"").unwrap()).collect();
            let mut cuts = cuts.iter().copied().cycle();
            let mut rest = bytes.as_slice();
            let mut ended = Ok(());
            while !rest.is_empty() && ended.is_ok() {
                let room = driver.input.len() - driver.filled;
                let (come, later) = rest.split_at(rest.len().min(room).min(cuts.next().unwrap()));
                rest = later;
                driver.input[driver.filled..][..come.len()].copy_from_slice(come);
                driver.filled += come.len();
                ended = driver.deliver().map_err(|error| error.to_string());
                assert!(ended.is_err() || driver.filled < driver.input.len());
                assert!(driver.input.len() <= 4 * READ_BYTES);
            }
            let replies: Vec<_> = calls
                .into_iter()
                .map(|mut call| format!("{:?}", call.reply.try_recv()))
                .collect();
            (replies, ended)
        };
        prop_assert_eq!(outcome(&cuts), outcome(&[usize::MAX]));
    }
}

#[tokio::test]
async fn work_is_reported_before_the_answer_and_confirmed() {
    let (near, mut worker) = UnixStream::pair().unwrap();
    let socket = Arc::new(near.into_std().unwrap());
    let reader = Reader::new(Arc::clone(&socket), None).unwrap();
    let channel = Arc::new(Channel::new(FrameWriter::new(socket)));
    let reports = Arc::<Reports>::default();
    let sink = Arc::clone(&reports) as Arc<dyn WorkReports>;
    tokio::spawn(Driver::new(reader, Arc::clone(&channel), sink, MAX_HEAD).run());

    let call = begin(&channel, b"").unwrap();
    let id = call.ticket.id;
    let [one, two] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let report = |kind, number, id: Uuid| frame(kind, number, id.to_string().as_bytes());
    let frames = [
        report(WORK, 0, one),
        report(WORK, 7, two),
        report(WORKED, 0, two),
        answer(id, b""),
    ];
    worker.write_all(&frames.concat()).await.unwrap();
    whole(call).await.unwrap();
    assert_eq!(*reports.0.lock().unwrap(), [one]);

    let receipt = frame(RECEIPT, 7, b"");
    let mut received = Vec::new();
    while !received.ends_with(&receipt) {
        assert!(worker.read_buf(&mut received).await.unwrap() > 0);
    }
    worker.write_all(&report(WORKED, 0, one)).await.unwrap();
    let call = begin(&channel, b"").unwrap();
    worker
        .write_all(&answer(call.ticket.id, b""))
        .await
        .unwrap();
    whole(call).await.unwrap();
    assert!(reports.0.lock().unwrap().is_empty());
}
