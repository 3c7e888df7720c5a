//! The call channel: many requests at a time over one connection to a worker, those that come together in one write.
//!
//! A thread has a channel of its own to each worker that it uses, and a task there which reads and writes it. What is
//! streamed goes over HTTP ([`super::connection`]).

mod socket;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::fs::File;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Response, request};
use jelou_core::seldom;
use rustix::process::Pid;
use tokio::sync::oneshot;

use super::connection::connect;
use super::sharded::Sharded;
use socket::Socket;
use wire::Reply;

/// Capacity that a buffer keeps when it is empty.
const KEPT_BYTES: usize = 256 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Bytes that wait for a worker to read them, before calls go another way. Those of cancelled calls are among them: without
/// a limit, callers who come and go would fill the memory while a worker does not read.
const MAX_OUTGOING: usize = 4 * 1024 * 1024;

/// The channels to one worker.
#[derive(Debug)]
pub(crate) struct Channels {
    process: Pid,
    socket: PathBuf,
    max_head_bytes: usize,
    /// Pipes for answers that no channel has taken yet, with their numbers.
    answers: Mutex<Vec<(u32, File)>>,
    running: Sharded<Option<Arc<Channel>>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the head of the response is over the limit of {limit} bytes")]
    HeadTooLarge { limit: usize },
    /// The process has closed the channel, which it does when it ends.
    #[error("{0}")]
    Died(String),
    #[error("cannot connect to the process: {0}")]
    Unreachable(std::io::Error),
}

/// A worker whose socket nobody listens on any more has ended, or closed it, which only one that is broken does.
impl From<std::io::Error> for CallError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::Died(error.to_string()),
            _ => Self::Unreachable(error),
        }
    }
}

/// What a worker answered.
#[derive(Debug)]
pub(crate) enum Answered {
    Whole(Response<Bytes>),
    /// The answer has to be asked for over HTTP. The call ends when it has gone through.
    Held(HeldCall),
}

impl Channels {
    /// `max_head_bytes` is the most that the head of a response may have.
    pub(crate) fn new(
        process: Pid,
        socket: &Path,
        answers: Vec<File>,
        max_head_bytes: usize,
    ) -> Self {
        Self {
            process,
            socket: socket.to_path_buf(),
            max_head_bytes,
            answers: Mutex::new((0..).zip(answers).collect()),
            running: Sharded::default(),
        }
    }

    /// Sends a request whose body is at hand. `None` when too much waits to be sent already.
    pub(crate) async fn call(
        &self,
        head: &request::Parts,
        body: &[u8],
    ) -> Result<Option<Answered>, CallError> {
        let channel = match self.own() {
            Some(channel) => channel,
            None => seldom(|| self.open()).await?,
        };
        match Call::begin(channel, head, body)? {
            Some(call) => call.answered(self.max_head_bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// Ends them, and every call on them.
    pub(crate) fn clear(&self) {
        for mut channel in self.running.each() {
            if let Some(channel) = channel.take() {
                channel.lock().close("the process is ended");
            }
        }
    }

    async fn open(&self) -> std::io::Result<Arc<Channel>> {
        let stream = connect(&self.socket, self.process).await?;
        // Somebody else on this thread may have been quicker.
        if let Some(channel) = self.own() {
            return Ok(channel);
        }
        let channel = Arc::new(Channel::default());
        let pipe = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let pipe = pipe.map(|(number, pipe)| {
            channel.lock().put(|out| wire::put_pipe(out, number));
            pipe
        });
        let socket = Socket::new(stream, pipe)?;
        *self.running.own() = Some(Arc::clone(&channel));
        let driver = Driver::new(socket, Arc::clone(&channel), self.max_head_bytes);
        tokio::spawn(driver.run());
        Ok(channel)
    }

    fn own(&self) -> Option<Arc<Channel>> {
        let channel = self.running.own();
        let channel = channel.as_ref()?;
        let open = channel.lock().closed.is_none();
        open.then(|| Arc::clone(channel))
    }
}

#[derive(Debug, Default)]
struct Channel(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Frames that are still to be written.
    outgoing: Vec<u8>,
    /// Calls that have no answer yet.
    waiting: HashMap<u32, oneshot::Sender<Reply>>,
    /// Calls that were cancelled, whose answers may have been on their way.
    cancelled: u64,
    last_id: u32,
    driver: Option<Waker>,
    /// Why there is nobody at the other end any more.
    closed: Option<String>,
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A number that no open call has.
    fn next_id(&mut self) -> u32 {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.waiting.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    /// Adds a frame. The driver runs after those who are ready now, so that what they send goes with it.
    fn put(&mut self, frame: impl FnOnce(&mut Vec<u8>)) {
        if self.closed.is_some() {
            return;
        }
        let was_empty = self.outgoing.is_empty();
        frame(&mut self.outgoing);
        if was_empty && let Some(driver) = &self.driver {
            driver.wake_by_ref();
        }
    }

    fn close(&mut self, reason: &str) {
        self.closed.get_or_insert_with(|| reason.to_owned());
        self.waiting.clear();
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// A request on its way. The worker is told when nobody waits for it any more.
struct Call {
    ticket: Ticket,
    reply: oneshot::Receiver<Reply>,
}

/// Tells the worker that a call is over when it goes.
#[derive(Debug)]
struct Ticket {
    channel: Arc<Channel>,
    id: u32,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// The worker knows that the call is over.
    Known,
    Cancelled,
    Done,
}

/// A call whose answer comes over HTTP.
#[derive(Debug)]
pub(crate) struct HeldCall(Ticket);

impl Call {
    /// `None` when the channel is full.
    fn begin(
        channel: Arc<Channel>,
        head: &request::Parts,
        body: &[u8],
    ) -> Result<Option<Self>, CallError> {
        let mut state = channel.lock();
        if let Some(reason) = &state.closed {
            return Err(CallError::Died(reason.clone()));
        }
        if state.outgoing.len() > MAX_OUTGOING {
            return Ok(None);
        }
        let (sender, reply) = oneshot::channel();
        let id = state.next_id();
        state.waiting.insert(id, sender);
        state.put(|out| wire::put_request(out, id, head, body));
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
                let reason = self.ticket.channel.lock().closed.clone();
                Err(CallError::Died(reason.unwrap_or_default()))
            }
        }
    }
}

impl HeldCall {
    /// The whole answer has gone through.
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
        state.put(|out| put(out, self.id));
    }
}

/// Reads and writes one channel, as long as both ends live.
struct Driver {
    socket: Socket,
    channel: Arc<Channel>,
    max_head_bytes: usize,
    /// What is being written, and how much of it has been.
    writing: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    /// Bytes of `input` that have come.
    filled: usize,
}

impl Driver {
    fn new(socket: Socket, channel: Arc<Channel>, max_head_bytes: usize) -> Self {
        Self {
            socket,
            channel,
            max_head_bytes,
            writing: Vec::new(),
            written: 0,
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

    /// Ready when the channel has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        if self.channel.lock().closed.is_some() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(end) = self.poll_read(context) {
            return Poll::Ready(end);
        }
        self.poll_write(context)
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        loop {
            if self.written == self.writing.len() {
                self.writing.clear();
                self.written = 0;
                self.writing.shrink_to(KEPT_BYTES);
                let mut state = self.channel.lock();
                if state.outgoing.is_empty() {
                    let waker = state.driver.get_or_insert_with(|| context.waker().clone());
                    waker.clone_from(context.waker());
                    return Poll::Pending;
                }
                std::mem::swap(&mut self.writing, &mut state.outgoing);
            }
            let rest = &self.writing[self.written..];
            match std::task::ready!(self.socket.poll_write(context, rest)) {
                Ok(count) => self.written += count,
                Err(error) => return Poll::Ready(Some(error)),
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<std::io::Error>> {
        loop {
            let room = &mut self.input[self.filled..];
            match std::task::ready!(self.socket.poll_read(context, room)) {
                Err(error) => return Poll::Ready(Some(error)),
                Ok(0) => return Poll::Ready(None),
                Ok(count) => self.filled += count,
            }
            if let Err(error) = self.deliver() {
                return Poll::Ready(Some(std::io::Error::other(error)));
            }
        }
    }

    /// Gives what has come to those who wait for it.
    fn deliver(&mut self) -> Result<(), wire::WireError> {
        let mut start = 0;
        let mut state = self.channel.lock();
        while let Some((id, reply, length)) =
            wire::next(&self.input[start..self.filled], self.max_head_bytes)?
        {
            start += length;
            if let Some(waiting) = state.waiting.remove(&id) {
                let _ = waiting.send(reply);
            } else if state.cancelled > 0 {
                // Its call was cancelled meanwhile.
                state.cancelled -= 1;
            } else {
                // One that goes on like this would keep this thread busy, and other functions waiting.
                return Err(wire::WireError("nobody waits for this answer"));
            }
        }
        drop(state);
        self.input.copy_within(start..self.filled, 0);
        self.filled -= start;
        if self.filled == self.input.len() {
            // Half of a long frame: its length is checked when its first bytes are looked at.
            self.input.resize(2 * self.input.len(), 0);
        }
        Ok(())
    }
}
