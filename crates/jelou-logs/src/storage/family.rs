//! A family: the files of the calls of a function, or of its lines and events. These are segments of blocks, and a tail
//! of lines that are not in a block yet.
//!
//! A line is first appended to the tail. Once 64 KiB of lines are pending, they become a block of the segment. The tail
//! is rewritten without these lines only after the segment was synced, so neither a killed process nor a power failure
//! loses a synced line. After a crash, the tail may repeat lines of a block. Their sequence numbers identify them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{BLOCK_BYTES, Indexed, Pending};
use super::segment::{self, BlockRef, Blocks};
use crate::record::Record;

/// Size of the tail above which it is rewritten without the lines that are in a block.
const MAX_TAIL_BYTES: u64 = 256 * 1024;
/// Maximum bytes of pending lines in memory, which accumulate while blocks cannot be written to the disk.
const MAX_PENDING_BYTES: usize = 1024 * 1024;

/// How long and how many bytes of records are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    pub(crate) max_age_ms: i64,
    pub(crate) max_bytes: u64,
}

impl Retention {
    /// Returns the size at which a segment is complete: a small part of `max_bytes`, because retention removes whole
    /// segments.
    fn segment_bytes(&self) -> u64 {
        (self.max_bytes / 16).clamp(64 * 1024, 4 * 1024 * 1024)
    }
}

#[derive(Debug)]
pub(crate) struct Family {
    dir: PathBuf,
    name: &'static str,
    retention: Retention,
    sealed: Vec<Sealed>,
    active: Option<Active>,
    pending: Pending,
    /// The number of pending lines that the tail contains.
    lines_in_tail: usize,
    tail: Option<File>,
    tail_bytes: u64,
    /// Whether the tail contains lines that are also in a block.
    tail_is_stale: bool,
    tail_is_dirty: bool,
    segment_is_dirty: bool,
    removed: Removed,
}

/// A complete segment.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    first_seq: u64,
    bytes: u64,
    newest_ms: i64,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    first_seq: u64,
    file: Arc<File>,
    bytes: u64,
    blocks: Vec<BlockRef>,
}

/// The newest record that retention has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) seq: u64,
    pub(crate) time_ms: i64,
}

/// A consistent view of the files for reading.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) sealed: Vec<SealedView>,
    pub(crate) active: Option<Blocks>,
    /// Lines that are not in a block.
    pub(crate) pending: String,
    pub(crate) removed: Removed,
}

/// A complete segment that is opened only if a reader needs it.
#[derive(Debug)]
pub(crate) struct SealedView {
    pub(crate) path: PathBuf,
    pub(crate) newest_ms: i64,
}

impl Family {
    /// Opens the files, and cuts off an incomplete block or line that a crash left at their end.
    ///
    /// # Errors
    /// When the folder cannot be read or repaired.
    pub(crate) fn open(dir: &Path, name: &'static str, retention: Retention) -> io::Result<Self> {
        let mut family = Self {
            dir: dir.to_path_buf(),
            name,
            retention,
            sealed: Vec::new(),
            active: None,
            pending: Pending::default(),
            lines_in_tail: 0,
            tail: None,
            tail_bytes: 0,
            tail_is_stale: false,
            tail_is_dirty: false,
            segment_is_dirty: false,
            removed: Removed::default(),
        };
        let mut firsts = family.segments_on_disk()?;
        firsts.sort_unstable();
        let newest = firsts.pop();
        for first_seq in firsts {
            family.open_sealed(first_seq)?;
        }
        if let Some(first_seq) = newest {
            if segment::index_path(&family.segment_path(first_seq)).exists() {
                family.open_sealed(first_seq)?;
            } else {
                family.open_active(first_seq)?;
            }
        }
        family.removed = family.read_removed();
        family.open_tail()?;
        Ok(family)
    }

    fn segments_on_disk(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut firsts = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let first: Option<u64> = name.to_str().and_then(|name| {
                let rest = name.strip_prefix(self.name)?.strip_prefix('-')?;
                rest.strip_suffix(".blocks")?.parse().ok()
            });
            firsts.extend(first);
        }
        Ok(firsts)
    }

    fn open_sealed(&mut self, first_seq: u64) -> io::Result<()> {
        let path = self.segment_path(first_seq);
        let metadata = fs::metadata(&path)?;
        let index = fs::metadata(segment::index_path(&path)).map_or(0, |index| index.len());
        let modified = metadata.modified().map(jiff::Timestamp::try_from);
        self.sealed.push(Sealed {
            first_seq,
            bytes: metadata.len() + index,
            newest_ms: match modified {
                Ok(Ok(modified)) => modified.as_millisecond(),
                _ => i64::MAX,
            },
        });
        Ok(())
    }

    fn open_active(&mut self, first_seq: u64) -> io::Result<()> {
        let file = open_to_append(&self.segment_path(first_seq))?;
        let (blocks, bytes) = segment::walk(&file)?;
        if bytes < file.metadata()?.len() {
            file.set_len(bytes)?;
        }
        self.active = Some(Active {
            first_seq,
            file: Arc::new(file),
            bytes,
            blocks,
        });
        Ok(())
    }

    fn open_tail(&mut self) -> io::Result<()> {
        let path = self.tail_path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let in_blocks = self.last_seq_in_blocks().max(self.removed.seq);
        let mut good = 0;
        let mut line_text = String::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let record = line
                .strip_suffix(b"\n")
                .and_then(|line| std::str::from_utf8(line).ok())
                .and_then(|line| Record::parse(line).ok());
            let Some(record) = record else {
                break;
            };
            good += line.len();
            if record.seq <= in_blocks {
                self.tail_is_stale = true;
                continue;
            }
            line_text.clear();
            let content = record.write(&mut line_text);
            self.pending.push(&line_text, content, indexed(&record));
        }
        let file = open_to_append(&path)?;
        if good < bytes.len() {
            file.set_len(good as u64)?;
        }
        self.tail = Some(file);
        self.tail_bytes = good as u64;
        self.lines_in_tail = self.pending.lines.len();
        Ok(())
    }

    fn last_seq_in_blocks(&self) -> u64 {
        let active = self.active.as_ref().map(|active| {
            let last = active.blocks.last().map(|block| block.header.last_seq);
            last.unwrap_or_else(|| active.first_seq.saturating_sub(1))
        });
        active.unwrap_or_else(|| {
            let blocks = self.sealed.last().map(|sealed| {
                let blocks = Blocks::open(&self.segment_path(sealed.first_seq)).ok();
                let last = blocks.and_then(|blocks| blocks.refs.last().map(|b| b.header.last_seq));
                last.unwrap_or(sealed.first_seq)
            });
            blocks.unwrap_or_default()
        })
    }

    /// Returns the largest sequence number of the records of this family, including removed ones.
    pub(crate) fn last_seq(&self) -> u64 {
        let pending = self.pending.lines.last().map_or(0, |line| line.0);
        pending.max(self.last_seq_in_blocks()).max(self.removed.seq)
    }

    /// Appends a line of JSON in memory. [`Family::flush`] writes it to the tail.
    ///
    /// # Errors
    /// When too many lines are pending. The line is dropped.
    pub(crate) fn push(
        &mut self,
        compressor: &mut zstd::bulk::Compressor<'_>,
        line: &str,
        content_start: usize,
        indexed: Indexed<'_>,
    ) -> io::Result<()> {
        if self.pending.text.len() + line.len() > MAX_PENDING_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.pending.push(line, content_start, indexed);
        if self.pending.text.len() >= BLOCK_BYTES
            && let Err(error) = self.seal_block(compressor, indexed.time_ms)
        {
            // The lines stay pending, and the next line tries again.
            tracing::debug!(%error, "cannot write a block of log records");
        }
        Ok(())
    }

    fn seal_block(
        &mut self,
        compressor: &mut zstd::bulk::Compressor<'_>,
        now_ms: i64,
    ) -> io::Result<()> {
        let (header, block) = self.pending.to_block(compressor)?;
        if self.active.is_none() {
            fs::create_dir_all(&self.dir)?;
            let file = open_to_append(&self.segment_path(header.first_seq))?;
            self.active = Some(Active {
                first_seq: header.first_seq,
                file: Arc::new(file),
                bytes: 0,
                blocks: Vec::new(),
            });
        }
        let Some(active) = &mut self.active else {
            return Ok(());
        };
        if let Err(error) = (&*active.file).write_all(&block) {
            active.file.set_len(active.bytes)?;
            return Err(error);
        }
        active.blocks.push(BlockRef {
            offset: active.bytes,
            header,
        });
        active.bytes += block.len() as u64;
        self.segment_is_dirty = true;
        self.tail_is_stale |= self.lines_in_tail > 0;
        self.lines_in_tail = 0;
        self.pending = Pending::default();
        let first_ms = active
            .blocks
            .first()
            .map_or(now_ms, |block| block.header.min_ms);
        if active.bytes >= self.retention.segment_bytes()
            || now_ms - first_ms > self.retention.max_age_ms / 8
        {
            self.complete_segment()?;
        }
        Ok(())
    }

    fn complete_segment(&mut self) -> io::Result<()> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        active.file.sync_data()?;
        self.segment_is_dirty = false;
        let path = self.segment_path(active.first_seq);
        let index = segment::index_path(&path);
        let index_bytes = segment::write_index(&index, &active.file, &active.blocks)?;
        let newest = active.blocks.iter().map(|block| block.header.max_ms).max();
        self.sealed.push(Sealed {
            first_seq: active.first_seq,
            bytes: active.bytes + index_bytes,
            newest_ms: newest.unwrap_or(i64::MIN),
        });
        Ok(())
    }

    /// Writes the new lines to the tail. If that fails, drops the lines, and returns the error and their number.
    pub(crate) fn flush(&mut self) -> Result<(), (io::Error, usize)> {
        let Some((_, start)) = self.pending.lines.get(self.lines_in_tail).copied() else {
            return Ok(());
        };
        if let Err(error) = self.append_to_tail(start as usize) {
            if let Some(tail) = &self.tail {
                // If this also fails, the incomplete line is cut off when the file is opened the next time.
                let _ = tail.set_len(self.tail_bytes);
            }
            let dropped = self.pending.lines.len() - self.lines_in_tail;
            self.pending.truncate(self.lines_in_tail);
            return Err((error, dropped));
        }
        self.lines_in_tail = self.pending.lines.len();
        Ok(())
    }

    fn append_to_tail(&mut self, start: usize) -> io::Result<()> {
        if self.tail.is_none() {
            fs::create_dir_all(&self.dir)?;
            self.tail = Some(open_to_append(&self.tail_path())?);
        }
        let text = &self.pending.text[start..];
        if let Some(tail) = &mut self.tail {
            tail.write_all(text.as_bytes())?;
        }
        self.tail_bytes += text.len() as u64;
        self.tail_is_dirty = true;
        Ok(())
    }

    /// Syncs everything that was written to the disk, and applies the retention.
    ///
    /// # Errors
    /// When a file cannot be written or synced. The next call tries again.
    pub(crate) fn sync(&mut self, now_ms: i64) -> io::Result<()> {
        if self.segment_is_dirty {
            if let Some(active) = &self.active {
                active.file.sync_data()?;
            }
            self.segment_is_dirty = false;
        }
        if self.tail_is_stale && (self.tail_bytes > MAX_TAIL_BYTES) {
            self.rewrite_tail()?;
        } else if let Some(tail) = &self.tail
            && self.tail_is_dirty
        {
            tail.sync_data()?;
        }
        self.tail_is_dirty = false;
        self.retain(now_ms)
    }

    /// Replaces the tail by a new file with only the pending lines.
    fn rewrite_tail(&mut self) -> io::Result<()> {
        let path = self.tail_path();
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        let written = self.pending.text.len();
        file.write_all(self.pending.text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, &path)?;
        self.tail = Some(open_to_append(&path)?);
        self.tail_bytes = written as u64;
        self.lines_in_tail = self.pending.lines.len();
        self.tail_is_stale = false;
        Ok(())
    }

    /// Removes segments and pending lines that exceed the retention.
    fn retain(&mut self, now_ms: i64) -> io::Result<()> {
        let oldest_ms = now_ms.saturating_sub(self.retention.max_age_ms);
        while self.sealed.first().is_some_and(|oldest| {
            oldest.newest_ms < oldest_ms || self.bytes() > self.retention.max_bytes
        }) {
            let oldest = self.sealed.remove(0);
            let next = self.sealed.first().map(|sealed| sealed.first_seq);
            let next = next.or(self.active.as_ref().map(|active| active.first_seq));
            let next = next.or(self.pending.lines.first().map(|line| line.0));
            let path = self.segment_path(oldest.first_seq);
            let last = Blocks::open(&path)
                .ok()
                .and_then(|blocks| blocks.refs.last().map(|block| block.header.last_seq));
            let last = last.or(next.map(|next| next - 1));
            self.note_removed(Removed {
                seq: last.unwrap_or(oldest.first_seq),
                time_ms: oldest.newest_ms,
            })?;
            remove(&path)?;
            remove(&segment::index_path(&path))?;
        }
        let newest_in_active = self.active.as_ref().and_then(|active| {
            let times = active.blocks.iter().map(|block| block.header.max_ms);
            times.max()
        });
        if newest_in_active.is_some_and(|newest| newest < oldest_ms) {
            self.complete_segment()?;
            return self.retain(now_ms);
        }
        if !self.pending.is_empty() && self.pending.max_ms < oldest_ms {
            self.note_removed(Removed {
                seq: self.last_seq(),
                time_ms: self.pending.max_ms,
            })?;
            self.pending = Pending::default();
            self.rewrite_tail()?;
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|sealed| sealed.bytes).sum();
        let active = self.active.as_ref().map_or(0, |active| active.bytes);
        sealed + active + self.tail_bytes
    }

    fn note_removed(&mut self, removed: Removed) -> io::Result<()> {
        self.removed = removed;
        let path = self.removed_path();
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(format!("{} {}\n", removed.seq, removed.time_ms).as_bytes())?;
        file.sync_data()?;
        fs::rename(new, path)
    }

    fn read_removed(&self) -> Removed {
        let text = fs::read_to_string(self.removed_path()).unwrap_or_default();
        let mut numbers = text.split_whitespace();
        let mut next = || numbers.next()?.parse::<i64>().ok();
        match (next(), next()) {
            (Some(seq), Some(time_ms)) => Removed {
                seq: seq.unsigned_abs(),
                time_ms,
            },
            _ => Removed::default(),
        }
    }

    /// Returns a view of all records after this sequence number.
    pub(crate) fn view(&self, after: u64) -> View {
        let next_firsts = self.sealed.iter().skip(1).map(|sealed| sealed.first_seq);
        let active_first = self.active.as_ref().map(|active| active.first_seq);
        let nexts = next_firsts.map(Some).chain([active_first]);
        let sealed = self.sealed.iter().zip(nexts).filter_map(|(sealed, next)| {
            let last_seq = next.map_or(u64::MAX, |next| next - 1);
            (last_seq > after).then(|| SealedView {
                path: self.segment_path(sealed.first_seq),
                newest_ms: sealed.newest_ms,
            })
        });
        let active = self.active.as_ref().filter(|active| {
            let last = active.blocks.last();
            last.is_some_and(|block| block.header.last_seq > after)
        });
        let skipped = self.pending.lines.partition_point(|line| line.0 <= after);
        let start = self.pending.lines.get(skipped).map(|line| line.1 as usize);
        View {
            sealed: sealed.collect(),
            active: active
                .map(|active| Blocks::active(Arc::clone(&active.file), active.blocks.clone())),
            pending: start
                .map(|start| self.pending.text[start..].to_owned())
                .unwrap_or_default(),
            removed: self.removed,
        }
    }

    fn segment_path(&self, first_seq: u64) -> PathBuf {
        self.dir
            .join(format!("{}-{first_seq:020}.blocks", self.name))
    }

    fn tail_path(&self) -> PathBuf {
        self.dir.join(format!("{}.ndjson", self.name))
    }

    fn removed_path(&self) -> PathBuf {
        self.dir.join(format!("{}.removed", self.name))
    }
}

/// Returns the fields of a record that a block needs.
pub(crate) fn indexed(record: &Record) -> Indexed<'_> {
    Indexed {
        seq: record.seq,
        time_ms: record.time.as_millisecond(),
        level: record.level,
        request_id: record.request_id.as_deref(),
    }
}

fn open_to_append(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
