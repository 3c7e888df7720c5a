//! The source maps of the artifacts whose stack traces were read last.
//!
//! To read a map takes time and memory that are the server's, and a function may ask for it with every line that it
//! writes. So maps are kept while there is room, and read one at a time, with longer pauses than reads. A function waits
//! for its lines to be taken: so none waits for long, and nobody at all for a while after somebody waited in vain.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sourcemap::{RawToken, SourceMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cache::ArtifactCache;

/// Bytes of memory for the maps that are kept.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// A pause is that many times as long as the read before it.
const PAUSE: u32 = 9;
/// How long a line waits for its map.
const PATIENCE: Duration = Duration::from_millis(500);
/// For how long nobody waits any more.
const IMPATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct SourceMapCache {
    artifacts: ArtifactCache,
    /// Those that were used last are at the end.
    kept: Mutex<VecDeque<Kept>>,
    reading: Arc<Semaphore>,
    /// When somebody waited in vain.
    gave_up: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Kept {
    hash: String,
    bytes: usize,
    map: Arc<SourceMap>,
}

impl SourceMapCache {
    pub(crate) fn new(artifacts: ArtifactCache) -> Self {
        Self {
            artifacts,
            kept: Mutex::default(),
            reading: Arc::new(Semaphore::new(1)),
            gave_up: Mutex::default(),
        }
    }

    /// The map of an artifact. `None` where there is none, or others are being read.
    pub(crate) async fn of(&self, hash: &str) -> Option<Arc<SourceMap>> {
        if let Some(map) = self.find(hash) {
            return Some(map);
        }
        let turn = self.turn().await?;
        // Somebody else may have read it meanwhile.
        if let Some(map) = self.find(hash) {
            return Some(map);
        }
        let began = Instant::now();
        let read = read(self.artifacts.clone(), hash.to_owned()).await;
        let pause = PAUSE * began.elapsed();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            drop(turn);
        });
        read.map(|kept| self.keep(kept))
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let lately = |at: Instant| at.elapsed() < IMPATIENCE;
        let patience = match *lock(&self.gave_up) {
            Some(at) if lately(at) => Duration::ZERO,
            _ => PATIENCE,
        };
        let turn = Arc::clone(&self.reading).acquire_owned();
        match tokio::time::timeout(patience, turn).await {
            Ok(turn) => turn.ok(),
            Err(_) => {
                if !patience.is_zero() {
                    *lock(&self.gave_up) = Some(Instant::now());
                }
                None
            }
        }
    }

    fn find(&self, hash: &str) -> Option<Arc<SourceMap>> {
        let mut kept = lock(&self.kept);
        let index = kept.iter().position(|kept| kept.hash == hash)?;
        let found = kept.remove(index)?;
        let map = Arc::clone(&found.map);
        kept.push_back(found);
        Some(map)
    }

    fn keep(&self, new: Kept) -> Arc<SourceMap> {
        let map = Arc::clone(&new.map);
        let mut kept = lock(&self.kept);
        kept.push_back(new);
        while kept.len() > 1 && kept.iter().map(|kept| kept.bytes).sum::<usize>() > KEPT_BYTES {
            kept.pop_front();
        }
        map
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(artifacts: ArtifactCache, hash: String) -> Option<Kept> {
    let reading = tokio::task::spawn_blocking(move || {
        let text = artifacts.source_map(&hash).ok()?;
        let map = SourceMap::from_slice(text.as_bytes()).ok()?;
        let tokens = map.get_token_count() as usize * size_of::<RawToken>();
        Some(Kept {
            hash,
            // Names and sources are in the text, too.
            bytes: tokens + text.len(),
            map: Arc::new(map),
        })
    });
    reading.await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::Artifact;

    const MAP: &str =
        r#"{"version":3,"sources":["index.ts"],"names":[],"mappings":"AAAA;AACA,SAAS"}"#;

    fn with(hash: &str) -> (tempfile::TempDir, SourceMapCache) {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = ArtifactCache::open(dir.path().join("artifacts")).unwrap();
        let artifact = Artifact {
            bundle: String::new(),
            source_map: MAP.to_owned(),
        };
        artifacts.put(hash, &artifact).unwrap();
        (dir, SourceMapCache::new(artifacts))
    }

    #[tokio::test]
    async fn a_map_is_read_once() {
        let (dir, maps) = with("a1");
        let first = maps.of("a1").await.unwrap();
        fs_err::remove_file(dir.path().join("artifacts/a1.map")).unwrap();
        assert!(Arc::ptr_eq(&first, &maps.of("a1").await.unwrap()));
    }

    #[tokio::test]
    async fn nobody_waits_for_long_while_others_are_read() {
        let (_dir, maps) = with("a1");
        let others = maps.reading.acquire().await.unwrap();
        assert!(maps.of("a1").await.is_none());
        let began = lock(&maps.gave_up).unwrap();
        for _ in 0..100 {
            assert!(maps.of("a1").await.is_none());
        }
        // Nobody has waited since.
        assert_eq!(*lock(&maps.gave_up), Some(began));
        drop(others);
        assert!(maps.of("a1").await.is_some());
    }

    #[test]
    fn maps_over_the_room_for_them_go_and_the_last_one_stays() {
        let (_dir, maps) = with("a1");
        let kept = |hashes: [&str; 4]| hashes.map(|hash| maps.find(hash).is_some());
        let keep = |hash: &str, bytes: usize| {
            maps.keep(Kept {
                hash: hash.to_owned(),
                bytes,
                map: Arc::new(SourceMap::from_slice(MAP.as_bytes()).unwrap()),
            })
        };
        keep("a1", KEPT_BYTES / 2);
        keep("b2", KEPT_BYTES / 2);
        // Used last.
        assert!(maps.find("a1").is_some());
        keep("c3", 1);
        assert_eq!(kept(["a1", "b2", "c3", "d4"]), [true, false, true, false]);
        keep("d4", 2 * KEPT_BYTES);
        assert_eq!(kept(["a1", "b2", "c3", "d4"]), [false, false, false, true]);
    }
}
