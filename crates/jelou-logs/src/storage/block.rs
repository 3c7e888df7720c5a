//! Blocks: about 64 KiB of compressed records, with a header and with Bloom filters. A search uses them to skip blocks.

use std::io;

use super::bloom::Bloom;
use crate::words::{each_json_word, hash_of};
use jelou_core::Level;

/// Bytes of the fixed part of a header.
pub(crate) const HEADER_BYTES: usize = 64;
/// Bytes of records after which a block is complete.
pub(crate) const BLOCK_BYTES: usize = 64 * 1024;

const MAGIC: u32 = u32::from_le_bytes(*b"JLB1");
/// The default level of zstd.
const COMPRESSION_LEVEL: i32 = 3;
const ID_BITS: usize = 8 * 1024;
const WORD_BITS: usize = 16 * 1024;

/// The header of a block, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// CRC-32 of everything after this field: the rest of the header, the Bloom filters and the records.
    pub(crate) checksum: u32,
    pub(crate) raw_bytes: u32,
    pub(crate) stored_bytes: u32,
    pub(crate) count: u32,
    pub(crate) id_bloom_bytes: u16,
    pub(crate) word_bloom_bytes: u16,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// The levels of the records, one [`bit`] for each.
    pub(crate) levels: u8,
}

impl Header {
    /// Returns the bytes of the complete block.
    pub(crate) fn block_bytes(&self) -> u64 {
        (HEADER_BYTES + self.bloom_bytes()) as u64 + u64::from(self.stored_bytes)
    }

    pub(crate) fn bloom_bytes(&self) -> usize {
        usize::from(self.id_bloom_bytes) + usize::from(self.word_bloom_bytes)
    }

    fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.raw_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.id_bloom_bytes.to_le_bytes());
        bytes[22..24].copy_from_slice(&self.word_bloom_bytes.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last_seq.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.min_ms.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.max_ms.to_le_bytes());
        bytes[56] = self.levels;
        bytes
    }

    /// Parses a header. Returns `None` if these bytes are not a header.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let u32_at = |at: usize| u32::from_le_bytes(four(at));
        let u64_at = |at: usize| u64::from(u32_at(at)) | (u64::from(u32_at(at + 4)) << 32);
        (u32_at(0) == MAGIC).then(|| Self {
            checksum: u32_at(4),
            raw_bytes: u32_at(8),
            stored_bytes: u32_at(12),
            count: u32_at(16),
            id_bloom_bytes: u16_at(20),
            word_bloom_bytes: u16_at(22),
            first_seq: u64_at(24),
            last_seq: u64_at(32),
            min_ms: u64_at(40).cast_signed(),
            max_ms: u64_at(48).cast_signed(),
            levels: bytes[56],
        })
    }
}

/// Records that are not in a block yet.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The records, each as one line of JSON.
    pub(crate) text: String,
    /// The sequence number and the byte offset of each line.
    pub(crate) lines: Vec<(u64, u32)>,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    levels: u8,
    ids: Bloom,
    words: Bloom,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            text: String::new(),
            lines: Vec::new(),
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            levels: 0,
            ids: Bloom::with_bits(ID_BITS),
            words: Bloom::with_bits(WORD_BITS),
        }
    }
}

/// The fields of a record that the header and the Bloom filters of a block need, besides the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indexed<'a> {
    pub(crate) seq: u64,
    pub(crate) time_ms: i64,
    pub(crate) level: Level,
    pub(crate) request_id: Option<&'a str>,
}

impl Pending {
    /// Appends a line of JSON that ends with a line end. Adds the words after `content_start` to the Bloom filter.
    pub(crate) fn push(&mut self, line: &str, content_start: usize, indexed: Indexed<'_>) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.lines.push((indexed.seq, start));
        self.text.push_str(line);
        self.min_ms = self.min_ms.min(indexed.time_ms);
        self.max_ms = self.max_ms.max(indexed.time_ms);
        self.levels |= bit(indexed.level);
        if let Some(id) = indexed.request_id {
            self.ids.insert(hash_of(id));
        }
        let words = &mut self.words;
        each_json_word(line.get(content_start..).unwrap_or_default(), |hash| {
            words.insert(hash);
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Removes all lines after the first `lines`. The words of the removed lines remain in the Bloom filters, and only
    /// add false positives.
    pub(crate) fn truncate(&mut self, lines: usize) {
        if let Some((_, start)) = self.lines.get(lines).copied() {
            self.text.truncate(start as usize);
            self.lines.truncate(lines);
        }
    }

    /// Returns the records as a compressed block, with its header.
    ///
    /// # Errors
    /// When the records cannot be compressed.
    pub(crate) fn to_block(
        &self,
        compressor: &mut zstd::bulk::Compressor<'_>,
    ) -> io::Result<(Header, Vec<u8>)> {
        let ids = self.ids.to_bytes();
        let words = self.words.to_bytes();
        let stored = compressor.compress(self.text.as_bytes())?;
        let mut header = Header {
            checksum: 0,
            raw_bytes: length(self.text.len())?,
            stored_bytes: length(stored.len())?,
            count: length(self.lines.len())?,
            id_bloom_bytes: u16::try_from(ids.len()).map_err(io::Error::other)?,
            word_bloom_bytes: u16::try_from(words.len()).map_err(io::Error::other)?,
            first_seq: self.lines.first().map_or(0, |line| line.0),
            last_seq: self.lines.last().map_or(0, |line| line.0),
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            levels: self.levels,
        };
        let mut block = Vec::with_capacity(HEADER_BYTES + ids.len() + words.len() + stored.len());
        block.extend(header.write());
        block.extend(ids);
        block.extend(words);
        block.extend(stored);
        header.checksum = crc32fast::hash(&block[8..]);
        block[4..8].copy_from_slice(&header.checksum.to_le_bytes());
        Ok((header, block))
    }
}

pub(crate) fn compressor() -> io::Result<zstd::bulk::Compressor<'static>> {
    zstd::bulk::Compressor::new(COMPRESSION_LEVEL)
}

/// Decompresses the records of a block.
///
/// # Errors
/// When the block is damaged.
pub(crate) fn decompress(
    decompressor: &mut zstd::bulk::Decompressor<'_>,
    header: &Header,
    stored: &[u8],
) -> io::Result<String> {
    let raw = decompressor.decompress(stored, header.raw_bytes as usize)?;
    String::from_utf8(raw).map_err(io::Error::other)
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

/// Returns the bit of the level in a set of levels.
pub(crate) fn bit(level: Level) -> u8 {
    1 << level as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::bloom::may_contain;

    #[test]
    fn a_block_decompresses_to_its_records() {
        let mut pending = Pending::default();
        for seq in 5..9 {
            let line = format!("{{\"seq\":{seq},\"args\":[\"hola mundo {seq}\"]}}\n");
            let indexed = Indexed {
                seq,
                time_ms: 1000 + seq.cast_signed(),
                level: Level::Warn,
                request_id: Some("abc"),
            };
            pending.push(&line, 0, indexed);
        }
        let (header, block) = pending.to_block(&mut compressor().unwrap()).unwrap();
        assert_eq!(Header::read(&block), Some(header));
        assert_eq!((header.first_seq, header.last_seq, header.count), (5, 8, 4));
        assert_eq!((header.min_ms, header.max_ms), (1005, 1008));
        assert_eq!(header.block_bytes(), block.len() as u64);
        let ids = &block[HEADER_BYTES..][..usize::from(header.id_bloom_bytes)];
        assert!(may_contain(ids, hash_of("abc")));
        let stored = &block[HEADER_BYTES + header.bloom_bytes()..];
        let mut decompressor = zstd::bulk::Decompressor::new().unwrap();
        let text = decompress(&mut decompressor, &header, stored).unwrap();
        assert_eq!(text, pending.text);
    }
}
