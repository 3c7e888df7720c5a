//! Bloom filters over the request ids and the words of a block.

/// Number of bits that are set for each entry.
const BITS_PER_ENTRY: u64 = 6;
/// Maximum percentage of set bits. At 40 %, four in a thousand lookups are false positives.
const MAX_FILL_PERCENT: u64 = 40;

/// A Bloom filter whose size is a power of two, so that it can be halved when few bits are set.
#[derive(Debug, Clone)]
pub(crate) struct Bloom(Vec<u64>);

impl Bloom {
    pub(crate) fn with_bits(bits: usize) -> Self {
        Self(vec![0; bits.next_power_of_two().max(64) / 64])
    }

    pub(crate) fn insert(&mut self, hash: u64) {
        let mask = (self.0.len() as u64) * 64 - 1;
        for bit in positions(hash) {
            let bit = bit & mask;
            self.0[usize_of(bit / 64)] |= 1 << (bit % 64);
        }
    }

    /// Returns the filter as bytes. Halves it as often as [`MAX_FILL_PERCENT`] allows.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut words = self.0.clone();
        while words.len() > 1 {
            let (low, high) = words.split_at(words.len() / 2);
            let folded: Vec<u64> = low.iter().zip(high).map(|(low, high)| low | high).collect();
            let set: u64 = folded.iter().map(|word| u64::from(word.count_ones())).sum();
            if set * 100 > folded.len() as u64 * 64 * MAX_FILL_PERCENT {
                break;
            }
            words = folded;
        }
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// Returns whether the filter `bytes` may contain the entry. A filter of a wrong size may contain everything.
pub(crate) fn may_contain(bytes: &[u8], hash: u64) -> bool {
    if !bytes.len().is_power_of_two() {
        return true;
    }
    let mask = (bytes.len() as u64) * 8 - 1;
    positions(hash).all(|bit| {
        let bit = bit & mask;
        bytes[usize_of(bit / 8)] & (1 << (bit % 8)) != 0
    })
}

/// Returns the bits of an entry, by double hashing (Kirsch and Mitzenmacher, 2006).
fn positions(hash: u64) -> impl Iterator<Item = u64> {
    let step = (hash >> 32) | 1;
    (0..BITS_PER_ENTRY).map(move |index| hash.wrapping_add(index.wrapping_mul(step)))
}

fn usize_of(number: u64) -> usize {
    // The number is below the length of a vector.
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::hash_of;

    #[test]
    fn a_halved_filter_finds_all_entries_and_few_others() {
        let mut bloom = Bloom::with_bits(16 * 1024);
        for number in 0..200 {
            bloom.insert(hash_of(&format!("entry-{number}")));
        }
        let bytes = bloom.to_bytes();
        assert!(bytes.len() <= 512, "{}", bytes.len());
        for number in 0..200 {
            assert!(may_contain(&bytes, hash_of(&format!("entry-{number}"))));
        }
        let false_positives = (0..10_000)
            .filter(|number| may_contain(&bytes, hash_of(&format!("other-{number}"))))
            .count();
        assert!(false_positives < 200, "{false_positives}");
    }
}
