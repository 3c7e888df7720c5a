//! Segments: append-only files of blocks. A complete segment has an index file next to it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{HEADER_BYTES, Header};

/// The offset of a block in its segment, and its header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockRef {
    pub(crate) offset: u64,
    pub(crate) header: Header,
}

/// The blocks of a segment, for reading.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: Arc<File>,
    pub(crate) refs: Vec<BlockRef>,
    index: Option<Index>,
}

/// The index file of a complete segment, with the Bloom filters of all its blocks.
#[derive(Debug)]
struct Index {
    file: File,
    /// The Bloom filters of request ids, and where the filter of each block begins.
    ids: Vec<u8>,
    id_starts: Vec<usize>,
    /// Where in the file the Bloom filter of each block's words begins.
    word_starts: Vec<u64>,
}

impl Blocks {
    /// Returns the blocks of a segment without an index.
    pub(crate) fn active(file: Arc<File>, refs: Vec<BlockRef>) -> Self {
        Self {
            file,
            refs,
            index: None,
        }
    }

    /// Opens a complete segment. Without a readable index, reads the segment itself.
    ///
    /// # Errors
    /// When the segment cannot be read, for instance because retention has removed it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = Arc::new(File::open(path)?);
        if let Ok(Some((refs, index))) = Index::read(&index_path(path)) {
            return Ok(Self {
                file,
                refs,
                index: Some(index),
            });
        }
        let (refs, _) = walk(&file)?;
        Ok(Self::active(file, refs))
    }

    /// Returns the Bloom filter of the block's request ids.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub(crate) fn ids(&self, block: usize) -> io::Result<Vec<u8>> {
        let BlockRef { offset, header } = self.refs[block];
        let length = usize::from(header.id_bloom_bytes);
        match &self.index {
            Some(index) => {
                let start = index.id_starts[block];
                Ok(index.ids[start..start + length].to_vec())
            }
            None => read_at(&self.file, offset + HEADER_BYTES as u64, length),
        }
    }

    /// Returns the Bloom filter of the block's words.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub(crate) fn words(&self, block: usize) -> io::Result<Vec<u8>> {
        let BlockRef { offset, header } = self.refs[block];
        let length = usize::from(header.word_bloom_bytes);
        match &self.index {
            Some(index) => read_at(&index.file, index.word_starts[block], length),
            None => {
                let start = offset + HEADER_BYTES as u64 + u64::from(header.id_bloom_bytes);
                read_at(&self.file, start, length)
            }
        }
    }

    /// Returns the compressed records of a block.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub(crate) fn stored(&self, block: usize) -> io::Result<Vec<u8>> {
        let BlockRef { offset, header } = self.refs[block];
        let start = offset + (HEADER_BYTES + header.bloom_bytes()) as u64;
        read_at(&self.file, start, header.stored_bytes as usize)
    }
}

impl Index {
    fn read(path: &Path) -> io::Result<Option<(Vec<BlockRef>, Self)>> {
        let mut file = File::open(path)?;
        let [mut checksum, mut length] = [[0; 4]; 2];
        file.read_exact(&mut checksum)?;
        file.read_exact(&mut length)?;
        let checksum = u32::from_le_bytes(checksum);
        let length = u32::from_le_bytes(length) as usize;
        let mut head = vec![0; length];
        file.read_exact(&mut head)?;
        if crc32fast::hash(&head) != checksum {
            return Ok(None);
        }
        let mut refs = Vec::new();
        let (mut rest, mut offset) = (head.as_slice(), 0);
        while let Some(header) = Header::read(rest) {
            refs.push(BlockRef { offset, header });
            offset += header.block_bytes();
            rest = &rest[HEADER_BYTES..];
        }
        let mut id_start = 0;
        let mut word_start = (8 + head.len()) as u64;
        let (mut id_starts, mut word_starts) = (Vec::new(), Vec::new());
        for BlockRef { header, .. } in &refs {
            id_starts.push(id_start);
            id_start += usize::from(header.id_bloom_bytes);
            word_starts.push(word_start);
            word_start += u64::from(header.word_bloom_bytes);
        }
        let ids = rest.to_vec();
        Ok((ids.len() == id_start).then_some((
            refs,
            Self {
                file,
                ids,
                id_starts,
                word_starts,
            },
        )))
    }
}

/// Returns the path of a segment's index.
pub(crate) fn index_path(segment: &Path) -> PathBuf {
    segment.with_extension("index")
}

/// Writes the index of a complete segment. Returns the size of the index in bytes.
///
/// # Errors
/// When the index cannot be written. The segment can be read without an index.
pub(crate) fn write_index(path: &Path, file: &File, refs: &[BlockRef]) -> io::Result<u64> {
    let (mut head, mut ids, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for BlockRef { offset, header } in refs {
        let block = read_at(file, *offset, HEADER_BYTES + header.bloom_bytes())?;
        let (header_bytes, blooms) = block.split_at(HEADER_BYTES);
        let (id_bloom, word_bloom) = blooms.split_at(usize::from(header.id_bloom_bytes));
        head.extend_from_slice(header_bytes);
        ids.extend_from_slice(id_bloom);
        words.extend_from_slice(word_bloom);
    }
    head.extend(ids);
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut index = File::create(path)?;
    index.write_all(&crc32fast::hash(&head).to_le_bytes())?;
    index.write_all(&length.to_le_bytes())?;
    index.write_all(&head)?;
    index.write_all(&words)?;
    index.sync_data()?;
    Ok(8 + (head.len() + words.len()) as u64)
}

/// Returns the undamaged blocks at the start of a segment, and their total length. A crash can leave an incomplete
/// block after them.
///
/// # Errors
/// When the segment cannot be read.
pub(crate) fn walk(file: &File) -> io::Result<(Vec<BlockRef>, u64)> {
    let length = file.metadata()?.len();
    let (mut refs, mut offset) = (Vec::new(), 0);
    while offset + HEADER_BYTES as u64 <= length {
        let start = read_at(file, offset, HEADER_BYTES)?;
        let Some(header) = Header::read(&start) else {
            break;
        };
        let end = offset + header.block_bytes();
        if end > length {
            break;
        }
        let block = read_at(file, offset, usize_of(header.block_bytes()))?;
        if crc32fast::hash(&block[8..]) != header.checksum {
            break;
        }
        refs.push(BlockRef { offset, header });
        offset = end;
    }
    Ok((refs, offset))
}

fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn usize_of(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
