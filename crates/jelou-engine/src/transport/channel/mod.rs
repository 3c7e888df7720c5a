//! The call channel: many concurrent requests over one connection to a worker, batched into few writes.
//!
//! Each thread has its own channel to each worker that it uses, and a task that reads and writes it. Streams go over
//! HTTP ([`super::connection`]).

mod reader;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Response, request};
use jelou_core::cold_future;
use rustix::process::Pid;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

use super::call_facts::CallFacts;
use super::peer::connect;
use super::sharded::Sharded;
use reader::Reader;
use uuid::Uuid;
use wire::{Frame, Reply};
use writer::FrameWriter;

/// Size of the read buffer in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Number of buffered bytes above which calls go over HTTP. Frames of cancelled calls stay in the buffer. Without this
/// limit, callers that disconnect would fill the memory while a worker does not read.
const MAX_OUTGOING: usize = 4 * 1024 * 1024;

/// The channels to one worker.
#[derive(Debug)]
pub(crate) struct Channels {
    process: Pid,
    socket: PathBuf,
    max_head_bytes: usize,
    /// The answer pipes that no channel uses, with their numbers.
    answers: Mutex<Vec<(u32, File)>>,
    running: Sharded<Option<Arc<Channel>>>,
    reports: Arc<dyn WorkReports>,
}

/// Receives a worker's reports about work that continues after a response (`ctx.waitUntil`).
pub(crate) trait WorkReports: std::fmt::Debug + Send + Sync {
    fn began(&self, request_id: Uuid);
    fn ended(&self, request_id: Uuid);
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the head of the response is over the limit of {limit} bytes")]
    HeadTooLarge { limit: usize },
    /// The process closed the channel, or has ended.
    #[error("{0}")]
    Died(String),
    #[error("cannot connect to the process: {0}")]
    Unreachable(std::io::Error),
}

/// A refused connection means that the worker has ended, or has closed its socket because it is broken.
impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::Died(error.to_string()),
            _ => Self::Unreachable(error),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Answered {
    Whole(Response<Bytes>),
    /// The worker has stored the answer, and the engine must fetch it over HTTP. The call ends after the complete
    /// answer.
    Held(HeldCall),
}

impl Channels {
    /// Creates the channels, which are opened on demand. `max_head_bytes` limits the head of a response.
    pub(crate) fn new(
        process: Pid,
        socket: &Path,
        answers: Vec<File>,
        max_head_bytes: usize,
        reports: Arc<dyn WorkReports>,
    ) -> Self {
        Self {
            process,
            socket: socket.to_path_buf(),
            max_head_bytes,
            answers: Mutex::new((0..).zip(answers).collect()),
            running: Sharded::default(),
            reports,
        }
    }

    /// Sends a request with a complete body, and waits for the answer. Returns `None` if the buffer is full.
    ///
    /// # Errors
    ///
    /// When the worker cannot be reached, ends, or sends a response head over the limit.
    pub(crate) async fn call(
        &self,
        facts: &CallFacts<'_>,
        head: &request::Parts,
        body: &[u8],
    ) -> Result<Option<Answered>, CallError> {
        let channel = match self.own() {
            Some(channel) => channel,
            None => cold_future(|| self.open()).await?,
        };
        match Call::begin(channel, facts, head, body)? {
            Some(call) => call.answered(self.max_head_bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens this thread's channel, if it is not open. The worker also uses it to report the work (`ctx.waitUntil`) of
    /// requests that came over HTTP.
    ///
    /// # Errors
    ///
    /// When the worker cannot be reached.
    pub(crate) async fn ensure_open(&self) -> Result<(), CallError> {
        if self.own().is_none() {
            self.open().await?;
        }
        Ok(())
    }

    /// Closes the channels, and ends all their calls.
    pub(crate) fn clear(&self) {
        for mut channel in self.running.each() {
            if let Some(channel) = channel.take() {
                channel.lock().close("the process is ended");
            }
        }
    }

    async fn open(&self) -> std::io::Result<Arc<Channel>> {
        let stream = connect(&self.socket, self.process).await?;
        // Another task of this thread may have opened a channel in the meantime.
        if let Some(channel) = self.own() {
            return Ok(channel);
        }
        let socket = Arc::new(stream.into_std()?);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, pipe) = answers.pop().unzip();
        drop(answers);
        let reader = Reader::new(Arc::clone(&socket), pipe)?;
        let mut writer = FrameWriter::new(socket);
        if let Some(number) = number {
            writer.put(|out| wire::put_pipe(out, number));
        }
        let channel = Arc::new(Channel::new(writer));
        *self.running.own() = Some(Arc::clone(&channel));
        let reports = Arc::clone(&self.reports);
        let driver = Driver::new(reader, Arc::clone(&channel), reports, self.max_head_bytes);
        tokio::spawn(driver.run());
        Ok(channel)
    }

    fn own(&self) -> Option<Arc<Channel>> {
        let channel = self.running.own();
        let channel = channel.as_ref()?;
        let open = channel.lock().writer.is_ok();
        open.then(|| Arc::clone(channel))
    }
}

#[expect(
    deprecated,
    reason = "deprecated for types whose file descriptor may change, which a standard library socket's does not"
)]
fn watched<T: AsRawFd>(socket: T, interest: Interest) -> std::io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(socket, interest)
}

#[derive(Debug)]
struct Channel(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The writer, or the reason why the channel is closed.
    writer: Result<FrameWriter, String>,
    /// The open calls that wait for an answer, by id.
    waiting: HashMap<u32, oneshot::Sender<Reply>>,
    /// Number of cancelled calls whose answers may still arrive.
    cancelled: u64,
    last_id: u32,
    driver: Option<Waker>,
    /// Whether no other call was open when the last call began.
    was_alone: bool,
}

impl Channel {
    fn new(writer: FrameWriter) -> Self {
        Self(Mutex::new(State {
            writer: Ok(writer),
            waiting: HashMap::new(),
            cancelled: 0,
            last_id: 0,
            driver: None,
            was_alone: false,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns an id that no open call uses.
    fn next_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.waiting.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Returns whether this call and the last call each began while no other call was open.
    fn comes_alone(&mut self) -> bool {
        let is_alone = self.waiting.is_empty();
        is_alone & std::mem::replace(&mut self.was_alone, is_alone)
    }

    /// Adds a frame to the buffer, and wakes the driver to write it. The driver runs after the tasks that are ready
    /// now, so that their frames are in the same batch.
    fn put(&mut self, put: impl FnOnce(&mut FrameWriter)) {
        let Ok(writer) = &mut self.writer else {
            return;
        };
        let was_empty = writer.waiting() == 0;
        put(writer);
        if was_empty
            && writer.waiting() > 0
            && let Some(driver) = &self.driver
        {
            driver.wake_by_ref();
        }
    }

    fn close(&mut self, reason: &str) {
        if self.writer.is_ok() {
            self.writer = Err(reason.to_owned());
        }
        self.waiting.clear();
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// An open request. Dropping it cancels the request at the worker.
struct Call {
    ticket: Ticket,
    reply: oneshot::Receiver<Reply>,
}

/// On drop, tells the worker that the call has ended.
#[derive(Debug)]
struct Ticket {
    channel: Arc<Channel>,
    id: u32,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// The worker has already ended the call with its answer, and needs no message.
    Known,
    Cancelled,
    Done,
}

/// A call whose answer the worker has stored, because the answer is too large for a frame or is a stream. The engine
/// fetches it over HTTP.
#[derive(Debug)]
pub(crate) struct HeldCall(Ticket);

impl Call {
    /// Adds the request to the buffer. Returns `None` if the buffer is full.
    fn begin(
        channel: Arc<Channel>,
        facts: &CallFacts<'_>,
        head: &request::Parts,
        body: &[u8],
    ) -> Result<Option<Self>, CallError> {
        let mut state = channel.lock();
        match &state.writer {
            Err(reason) => return Err(CallError::Died(reason.clone())),
            Ok(writer) if writer.waiting() > MAX_OUTGOING => return Ok(None),
            Ok(_) => {}
        }
        let (sender, reply) = oneshot::channel();
        let id = state.next_id();
        let at_once = state.comes_alone();
        state.waiting.insert(id, sender);
        state.put(|writer| {
            writer.put_request(at_once, |out| wire::put_request(out, id, facts, head, body));
        });
        drop(state);
        Ok(Some(Self {
            ticket: Ticket {
                channel,
                id,
                end: End::Cancelled,
            },
            reply,
        }))
    }

    async fn answered(mut self, max_head_bytes: usize) -> Result<Answered, CallError> {
        let reply = (&mut self.reply).await;
        match reply {
            Ok(Reply::Held) => Ok(Answered::Held(HeldCall(self.ticket))),
            Ok(Reply::Answer(response)) => {
                self.ticket.end = End::Known;
                Ok(Answered::Whole(response))
            }
            Ok(Reply::HeadTooLarge) => {
                self.ticket.end = End::Known;
                Err(CallError::HeadTooLarge {
                    limit: max_head_bytes,
                })
            }
            Err(_) => {
                let reason = self.ticket.channel.lock().writer.as_ref().err().cloned();
                Err(CallError::Died(reason.unwrap_or_default()))
            }
        }
    }
}

impl HeldCall {
    /// Ends the call after the complete answer was delivered.
    pub(crate) fn done(mut self) {
        self.0.end = End::Done;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let put = match self.end {
            End::Known => return,
            End::Cancelled => wire::put_cancel,
            End::Done => wire::put_done,
        };
        let mut state = self.channel.lock();
        if state.waiting.remove(&self.id).is_some() {
            state.cancelled += 1;
        }
        state.put(|writer| writer.put(|out| put(out, self.id)));
    }
}

/// Reads and writes one channel, until the server or the worker closes it.
struct Driver {
    reader: Reader,
    channel: Arc<Channel>,
    reports: Arc<dyn WorkReports>,
    max_head_bytes: usize,
    input: Vec<u8>,
    /// Number of bytes in `input`.
    filled: usize,
}

impl Driver {
    fn new(
        reader: Reader,
        channel: Arc<Channel>,
        reports: Arc<dyn WorkReports>,
        max_head_bytes: usize,
    ) -> Self {
        Self {
            reader,
            channel,
            reports,
            max_head_bytes,
            input: vec![0; READ_BYTES],
            filled: 0,
        }
    }

    async fn run(mut self) {
        let error = poll_fn(|context| self.poll(context)).await;
        let reason = match error {
            Some(error) => error.to_string(),
            None => "it closed its call channel".to_owned(),
        };
        self.channel.lock().close(&reason);
    }

    /// Completes when the channel has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        if let Poll::Ready(end) = self.poll_read(context) {
            return Poll::Ready(end);
        }
        self.poll_write(context)
    }

    fn poll_write(&self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        let mut state = self.channel.lock();
        let waker = state.driver.get_or_insert_with(|| context.waker().clone());
        waker.clone_from(context.waker());
        let Ok(writer) = &mut state.writer else {
            return Poll::Ready(None);
        };
        match std::task::ready!(writer.poll_flush(context)) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Some(error)),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        loop {
            let room = &mut self.input[self.filled..];
            match std::task::ready!(self.reader.poll_read(context, room)) {
                Err(error) => return Poll::Ready(Some(error)),
                Ok(0) => return Poll::Ready(None),
                Ok(count) => self.filled += count,
            }
            if let Err(error) = self.deliver() {
                return Poll::Ready(Some(std::io::Error::other(error)));
            }
        }
    }

    /// Delivers the received answers and reports.
    fn deliver(&mut self) -> Result<(), wire::WireError> {
        let mut start = 0;
        let mut state = self.channel.lock();
        while let Some((frame, length)) =
            wire::next(&self.input[start..self.filled], self.max_head_bytes)?
        {
            start += length;
            let (id, reply) = match frame {
                Frame::Reply(id, reply) => (id, reply),
                Frame::Work {
                    request_id,
                    receipt,
                } => {
                    self.reports.began(request_id);
                    if receipt != 0 {
                        state.put(|writer| writer.put(|out| wire::put_receipt(out, receipt)));
                    }
                    continue;
                }
                Frame::WorkEnded(request_id) => {
                    self.reports.ended(request_id);
                    continue;
                }
            };
            if let Some(waiting) = state.waiting.remove(&id) {
                let _ = waiting.send(reply);
            } else if state.cancelled > 0 {
                // The answer belongs to a cancelled call.
                state.cancelled -= 1;
            } else {
                // Unsolicited answers would keep this thread busy and delay other functions.
                return Err(wire::WireError("no open call has this answer's id"));
            }
        }
        drop(state);
        self.input.copy_within(start..self.filled, 0);
        self.filled -= start;
        if self.filled == self.input.len() {
            // The buffer is too small for the next frame, whose length `wire::next` has checked.
            self.input.resize(2 * self.input.len(), 0);
        }
        Ok(())
    }
}
