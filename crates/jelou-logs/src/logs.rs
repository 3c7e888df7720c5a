//! The logs of all functions: a bounded queue, and one thread that writes.
//!
//! A send takes no lock and formats nothing. The writer takes all queued entries every few milliseconds, so most sends
//! do not wake the writer's thread.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jelou_core::{Clock, FunctionId};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::entry::Entry;
use crate::read::{Page, Query, Reader, TokenNames};
use crate::record::Record;
use crate::redact::Redactor;
use crate::sampling::Sampler;
use crate::settings::LogSettings;
use crate::stats::{CallSums, GroupBy, Statistics};
use crate::storage::block::compressor;
use crate::stream::{Stream, gap};

/// Maximum number of entries in the queue. Further entries are dropped and counted.
const QUEUE_ENTRIES: usize = 32 * 1024;
/// Maximum bytes of the entries in the queue.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// How long the writer waits after the first entry, so that it writes several entries at once.
const GATHER: Duration = Duration::from_millis(20);
/// Interval at which written records are synced to the disk.
const SYNC: Duration = Duration::from_secs(1);
/// Interval at which the retention is applied to all functions, including functions that write nothing.
const SWEEP: Duration = Duration::from_mins(10);
/// How long a stream stays open without use.
const IDLE: Duration = Duration::from_mins(1);
/// Maximum number of secret values that are masked for one function, including replaced values.
const MAX_SECRETS: usize = 1000;

/// A callback for each written record, with secrets masked. It must not block.
pub type Observer = Box<dyn Fn(&FunctionId, &Record) + Send>;

/// The logs of all functions. Clones share the queue and the files.
#[derive(Debug, Clone)]
pub struct Logs(Arc<Shared>);

#[derive(Debug)]
enum Message {
    Entry(Entry),
    /// Ends the writer after all entries that were queued before.
    Stop,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    settings: LogSettings,
    queue: SyncSender<Message>,
    queued_bytes: AtomicUsize,
    /// Number of entries that were dropped because the queue was full, by function.
    overflow: Mutex<HashMap<FunctionId, u64>>,
    has_overflow: AtomicBool,
    dropped: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
    streams: Mutex<HashMap<FunctionId, Arc<Stream>>>,
    secrets: Mutex<HashMap<FunctionId, Arc<Secrets>>>,
    clock: Clock,
}

/// All values of a function's secrets since the server started, because processes with an old value may still run.
#[derive(Default)]
struct Secrets {
    values: Vec<Zeroizing<String>>,
    redactor: OnceLock<Redactor>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("count", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl Secrets {
    fn redactor(&self) -> &Redactor {
        self.redactor
            .get_or_init(|| Redactor::new(self.values.iter().map(|value| value.as_str())))
    }
}

/// The handle of the thread that writes. [`LogWriter::stop`] writes the queued entries.
#[derive(Debug)]
pub struct LogWriter {
    logs: Logs,
    thread: Option<JoinHandle<()>>,
}

impl Logs {
    /// Starts the thread that writes to `dir`, which has one folder for each function.
    ///
    /// # Errors
    /// When the folder cannot be created, or the thread cannot be started.
    pub fn start(
        dir: &Path,
        settings: LogSettings,
        clock: Clock,
        observer: Option<Observer>,
    ) -> io::Result<(Self, LogWriter)> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let (queue, entries) = sync_channel(QUEUE_ENTRIES);
        let logs = Self(Arc::new(Shared {
            dir: dir.to_path_buf(),
            settings,
            queue,
            queued_bytes: AtomicUsize::new(0),
            overflow: Mutex::default(),
            has_overflow: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            streams: Mutex::default(),
            secrets: Mutex::default(),
            clock,
        }));
        let writer = Writer {
            shared: Arc::clone(&logs.0),
            compressor: compressor()?,
            samplers: HashMap::new(),
            observer,
            last_sync: Instant::now(),
            last_sweep: Instant::now(),
        };
        let thread = std::thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || writer.run(&entries))?;
        let writer = LogWriter {
            logs: logs.clone(),
            thread: Some(thread),
        };
        Ok((logs, writer))
    }

    /// Queues an entry. Never waits: when the queue is full, the entry is dropped and counted.
    pub fn send(&self, entry: Entry) {
        let shared = &self.0;
        let bytes = entry.content.bytes();
        if shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES {
            return shared.overflow(&entry, bytes);
        }
        let message = Message::Entry(entry);
        if let Err(
            TrySendError::Full(Message::Entry(entry))
            | TrySendError::Disconnected(Message::Entry(entry)),
        ) = shared.queue.try_send(message)
        {
            shared.overflow(&entry, bytes);
        }
    }

    /// Masks these values in the function's log from now on. Earlier values remain masked.
    pub fn add_secrets<'a>(
        &self,
        function: &FunctionId,
        values: impl IntoIterator<Item = &'a str>,
    ) {
        let mut all = lock(&self.0.secrets);
        let known = all.get(function).map_or(&[][..], |secrets| &secrets.values);
        let new: Vec<_> = values
            .into_iter()
            .filter(|value| value.len() >= crate::redact::MIN_SECRET_BYTES)
            .filter(|value| !known.iter().any(|known| known.as_str() == *value))
            .map(|value| Zeroizing::new(value.to_owned()))
            .collect();
        if new.is_empty() {
            return;
        }
        let mut values = known.to_vec();
        values.extend(new);
        let surplus = values.len().saturating_sub(MAX_SECRETS);
        values.drain(..surplus);
        let secrets = Secrets {
            values,
            redactor: OnceLock::new(),
        };
        all.insert(function.clone(), Arc::new(secrets));
    }

    /// Returns the text with the function's secrets and all tokens masked.
    pub fn redact(&self, function: &FunctionId, text: &str) -> String {
        let secrets = self.0.secrets_of(function);
        secrets.redactor().text(text).into_owned()
    }

    /// Like [`Logs::redact`], for the path of a URL.
    pub fn redact_path(&self, function: &FunctionId, path: &str) -> String {
        self.0.secrets_of(function).redactor().path(path)
    }

    /// Returns the matching records after `cursor`, in order, up to about `max_bytes` of JSON. Blocks the thread.
    ///
    /// # Errors
    /// When the files of the function cannot be opened.
    pub fn page(
        &self,
        function: &FunctionId,
        query: &Query,
        names: &TokenNames,
        cursor: u64,
        max_bytes: usize,
    ) -> io::Result<Page> {
        let stream = self.0.stream(function)?;
        Ok(Reader::new(query, names).page(&stream, cursor, max_bytes))
    }

    /// Returns the last `count` matching records, in ascending order. Blocks the thread.
    ///
    /// # Errors
    /// When the files of the function cannot be opened.
    pub fn last(
        &self,
        function: &FunctionId,
        query: &Query,
        names: &TokenNames,
        count: usize,
    ) -> io::Result<Page> {
        let stream = self.0.stream(function)?;
        Ok(Reader::new(query, names).last(&stream, count))
    }

    /// Returns statistics of the matching calls, in groups. Blocks the thread.
    ///
    /// # Errors
    /// When the files of the function cannot be opened.
    pub fn statistics(
        &self,
        function: &FunctionId,
        query: &Query,
        names: &TokenNames,
        by: &[GroupBy],
    ) -> io::Result<CallSums> {
        let mut statistics = Statistics::new(by);
        let mut cursor = 0;
        loop {
            let page = self.page(function, query, names, cursor, 1024 * 1024)?;
            for found in &page.records {
                statistics.add(&found.record, names);
            }
            cursor = page.cursor;
            if page.is_last {
                return Ok(statistics.finish());
            }
        }
    }

    /// Returns a [`Watch`] that waits for new records of the function.
    ///
    /// # Errors
    /// When the files of the function cannot be opened.
    pub fn watch(&self, function: &FunctionId) -> io::Result<Watch> {
        let stream = self.0.stream(function)?;
        Ok(Watch {
            last: stream.watch(),
            stream,
        })
    }

    /// Returns how many records were written and dropped.
    pub fn counts(&self) -> LogCounts {
        let shared = &self.0;
        LogCounts {
            queued_bytes: shared.queued_bytes.load(Ordering::Relaxed) as u64,
            written: shared.written.load(Ordering::Relaxed),
            dropped_by_queue: shared.dropped.load(Ordering::Relaxed),
            dropped_by_disk: shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Removes the records of a deleted function.
    pub fn remove(&self, function: &FunctionId) {
        lock(&self.0.streams).remove(function);
        lock(&self.0.secrets).remove(function);
        let dir = self.0.dir.join(function.as_str());
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, %function, "cannot remove the log of a deleted function");
            }
            _ => {}
        }
    }
}

/// Counts of records since the start of the server.
#[derive(Debug, Clone, Copy)]
pub struct LogCounts {
    /// Bytes of the entries in the queue.
    pub queued_bytes: u64,
    pub written: u64,
    /// Dropped because the writer was too slow.
    pub dropped_by_queue: u64,
    /// Dropped because they could not be written to the disk.
    pub dropped_by_disk: u64,
}

/// A reader that waits for new records.
#[derive(Debug)]
pub struct Watch {
    last: watch::Receiver<u64>,
    stream: Arc<Stream>,
}

impl Watch {
    /// The last sequence number.
    pub fn last_seq(&self) -> u64 {
        self.stream.last_seq()
    }

    /// Waits until there is a record after `seq`. Returns `false` if the stream was dropped.
    pub async fn wait_beyond(&mut self, seq: u64) -> bool {
        self.last.wait_for(|last| *last > seq).await.is_ok()
    }
}

impl LogWriter {
    /// Writes and syncs the queued entries, and ends the thread. Blocks until the thread has ended.
    pub fn stop(mut self) {
        // `send` waits for space in the queue. It fails only if the thread has ended.
        let _ = self.logs.0.queue.send(Message::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the logs has panicked");
        }
    }
}

impl Shared {
    #[cold]
    fn overflow(&self, entry: &Entry, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.dropped.fetch_add(1, Ordering::Relaxed);
        *lock(&self.overflow)
            .entry(entry.function.clone())
            .or_default() += 1;
        self.has_overflow.store(true, Ordering::Release);
    }

    fn stream(&self, function: &FunctionId) -> io::Result<Arc<Stream>> {
        let mut streams = lock(&self.streams);
        if let Some(stream) = streams.get(function) {
            return Ok(Arc::clone(stream));
        }
        let stream = Stream::open(&self.dir.join(function.as_str()), &self.settings)?;
        let stream = Arc::new(stream);
        streams.insert(function.clone(), Arc::clone(&stream));
        Ok(stream)
    }

    fn secrets_of(&self, function: &FunctionId) -> Arc<Secrets> {
        lock(&self.secrets)
            .get(function)
            .map(Arc::clone)
            .unwrap_or_default()
    }
}

/// The state of the thread that writes.
struct Writer {
    shared: Arc<Shared>,
    compressor: zstd::bulk::Compressor<'static>,
    /// The samplers of the functions that use sampling.
    samplers: HashMap<FunctionId, Sampler>,
    observer: Option<Observer>,
    last_sync: Instant,
    last_sweep: Instant,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let first = match queue.recv_timeout(self.until_sync()) {
                Ok(Message::Entry(first)) => {
                    std::thread::sleep(GATHER);
                    Some(first)
                }
                Err(RecvTimeoutError::Timeout) => None,
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut is_stopping = false;
            let more = queue
                .try_iter()
                .take(QUEUE_ENTRIES)
                .map_while(|message| match message {
                    Message::Entry(entry) => Some(entry),
                    Message::Stop => {
                        is_stopping = true;
                        None
                    }
                });
            self.write(first.into_iter().chain(more));
            self.report_overflow();
            if is_stopping {
                break;
            }
            if self.last_sync.elapsed() >= SYNC {
                self.sync();
            }
        }
        self.sync();
    }

    fn until_sync(&self) -> Duration {
        SYNC.saturating_sub(self.last_sync.elapsed())
            .max(Duration::from_millis(1))
    }

    fn write(&mut self, entries: impl Iterator<Item = Entry>) {
        let mut by_function: HashMap<FunctionId, Vec<Entry>> = HashMap::new();
        let mut bytes = 0;
        for entry in entries {
            bytes += entry.content.bytes();
            match by_function.get_mut(&entry.function) {
                Some(batch) => batch.push(entry),
                None => {
                    by_function.insert(entry.function.clone(), vec![entry]);
                }
            }
        }
        for (function, batch) in by_function {
            self.write_batch(&function, batch);
        }
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn write_batch(&mut self, function: &FunctionId, batch: Vec<Entry>) {
        let stream = match self.shared.stream(function) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, %function, records = batch.len(), "cannot open the log of a function");
                return;
            }
        };
        let secrets = self.shared.secrets_of(function);
        let redactor = secrets.redactor();
        let mut kept = Vec::with_capacity(batch.len());
        for entry in batch {
            let sample = entry.sample;
            let record = (
                entry.at_ms,
                entry.deployment,
                entry.content.redact(redactor),
            );
            if sample >= 1.0 {
                kept.push(record);
            } else {
                let sampler = self.samplers.entry(function.clone()).or_default();
                sampler.add(sample, record, &mut kept);
            }
        }
        let count = kept.len() as u64;
        let observer = self.observer.as_ref();
        let seen = |record: &Record| {
            if let Some(observer) = observer {
                observer(function, record);
            }
        };
        stream.append(&mut self.compressor, kept.into_iter(), seen);
        let lost = stream.flush(&mut self.compressor, self.shared.clock.now_ms());
        let lost = lost.min(count);
        self.shared.lost.fetch_add(lost, Ordering::Relaxed);
        self.shared
            .written
            .fetch_add(count - lost, Ordering::Relaxed);
    }

    /// Writes, for each function, a record with the number of entries that were dropped because the queue was full.
    fn report_overflow(&mut self) {
        if !self.shared.has_overflow.swap(false, Ordering::AcqRel) {
            return;
        }
        let overflow = std::mem::take(&mut *lock(&self.shared.overflow));
        let now_ms = self.shared.clock.now_ms();
        for (function, count) in overflow {
            let Ok(stream) = self.shared.stream(&function) else {
                continue;
            };
            let message =
                format!("{count} records dropped: the server cannot write them fast enough");
            let gap = (now_ms, None, gap(message));
            let observer = self.observer.as_ref();
            let seen = |record: &Record| {
                if let Some(observer) = observer {
                    observer(&function, record);
                }
            };
            stream.append(&mut self.compressor, std::iter::once(gap), seen);
            stream.flush(&mut self.compressor, now_ms);
        }
    }

    fn sync(&mut self) {
        let now_ms = self.shared.clock.now_ms();
        let open: Vec<_> = {
            let streams = lock(&self.shared.streams);
            let each = streams.iter();
            each.map(|(function, stream)| (function.clone(), Arc::clone(stream)))
                .collect()
        };
        for (function, stream) in &open {
            if let Err(error) = stream.sync(now_ms) {
                tracing::warn!(%error, %function, "cannot sync the log of a function");
            }
        }
        drop(open);
        lock(&self.shared.streams).retain(|_, stream| {
            Arc::strong_count(stream) > 1 || stream.last_used().elapsed() < IDLE
        });
        if self.last_sweep.elapsed() >= SWEEP {
            self.samplers.retain(|_, sampler| {
                sampler.drop_older(now_ms);
                !sampler.is_empty()
            });
            self.last_sweep = Instant::now();
            self.sweep(now_ms);
        }
        self.last_sync = Instant::now();
    }

    /// Applies the retention to all functions.
    fn sweep(&self, now_ms: i64) {
        let Ok(entries) = std::fs::read_dir(&self.shared.dir) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(function) = name
                .to_str()
                .and_then(|name| name.parse::<FunctionId>().ok())
            else {
                continue;
            };
            let kept = self.shared.stream(&function);
            if let Err(error) = kept.and_then(|stream| stream.retain(now_ms)) {
                tracing::warn!(%error, %function, "cannot remove old records of a function");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
