//! A cache of parsed source maps, bounded in memory and in parsing time.
//!
//! Parsing a map costs time and memory of the server, and a function can cause it with every log line. Therefore maps
//! are parsed one at a time, with pauses in between. A function blocks until its log line is read, so the wait for a
//! map has a timeout. For 10 s after a timeout, no line waits for a map.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sourcemap::{RawToken, SourceMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cache::ArtifactCache;

/// Maximum memory of the cached maps, in bytes.
const MAX_CACHED_BYTES: usize = 64 * 1024 * 1024;
/// Length of a pause, as a multiple of the duration of the previous parse.
const PAUSE: u32 = 9;
/// How long a line waits for the parser.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Time after a timeout in which no line waits.
const NO_WAIT_PERIOD: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct SourceMapCache {
    artifacts: ArtifactCache,
    /// The most recently used map is last.
    cached: Mutex<VecDeque<CachedMap>>,
    parsing: Arc<Semaphore>,
    /// When a line last waited until the timeout.
    timed_out: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct CachedMap {
    hash: String,
    bytes: usize,
    map: Arc<SourceMap>,
}

impl SourceMapCache {
    pub(crate) fn new(artifacts: ArtifactCache) -> Self {
        Self {
            artifacts,
            cached: Mutex::default(),
            parsing: Arc::new(Semaphore::new(1)),
            timed_out: Mutex::default(),
        }
    }

    /// Returns the map of an artifact. `None` if the map is missing or damaged, or the parser is busy.
    pub(crate) async fn of(&self, hash: &str) -> Option<Arc<SourceMap>> {
        if let Some(map) = self.find(hash) {
            return Some(map);
        }
        let permit = self.permit().await?;
        // Another task may have parsed the map in the meantime.
        if let Some(map) = self.find(hash) {
            return Some(map);
        }
        let began = Instant::now();
        let read = read(self.artifacts.clone(), hash.to_owned()).await;
        let pause = PAUSE * began.elapsed();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            drop(permit);
        });
        read.map(|cached| self.insert(cached))
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let recently = |at: Instant| at.elapsed() < NO_WAIT_PERIOD;
        let timeout = match *lock(&self.timed_out) {
            Some(at) if recently(at) => Duration::ZERO,
            _ => TIMEOUT,
        };
        let permit = Arc::clone(&self.parsing).acquire_owned();
        match tokio::time::timeout(timeout, permit).await {
            Ok(permit) => permit.ok(),
            Err(_) => {
                if !timeout.is_zero() {
                    *lock(&self.timed_out) = Some(Instant::now());
                }
                None
            }
        }
    }

    fn find(&self, hash: &str) -> Option<Arc<SourceMap>> {
        let mut cached = lock(&self.cached);
        let index = cached.iter().position(|cached| cached.hash == hash)?;
        let found = cached.remove(index)?;
        let map = Arc::clone(&found.map);
        cached.push_back(found);
        Some(map)
    }

    fn insert(&self, new: CachedMap) -> Arc<SourceMap> {
        let map = Arc::clone(&new.map);
        let mut cached = lock(&self.cached);
        cached.push_back(new);
        while cached.len() > 1
            && cached.iter().map(|cached| cached.bytes).sum::<usize>() > MAX_CACHED_BYTES
        {
            cached.pop_front();
        }
        map
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read(artifacts: ArtifactCache, hash: String) -> Option<CachedMap> {
    let reading = tokio::task::spawn_blocking(move || {
        let text = artifacts.source_map(&hash).ok()?;
        let map = SourceMap::from_slice(text.as_bytes()).ok()?;
        let tokens = map.get_token_count() as usize * size_of::<RawToken>();
        Some(CachedMap {
            hash,
            // The text length estimates the memory of names and sources.
            bytes: tokens + text.len(),
            map: Arc::new(map),
        })
    });
    reading.await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{AssetFiles, Bundle};

    const MAP: &str =
        r#"{"version":3,"sources":["index.ts"],"names":[],"mappings":"AAAA;AACA,SAAS"}"#;

    fn with(hash: &str) -> (tempfile::TempDir, SourceMapCache) {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = ArtifactCache::open(dir.path().join("artifacts")).unwrap();
        let bundle = Bundle {
            code: String::new(),
            source_map: MAP.to_owned(),
            assets: AssetFiles::new(),
            compiled: None,
        };
        artifacts.put(hash, &bundle).unwrap();
        (dir, SourceMapCache::new(artifacts))
    }

    #[tokio::test]
    async fn a_map_is_parsed_once() {
        let (dir, maps) = with("a1");
        let first = maps.of("a1").await.unwrap();
        fs_err::remove_file(dir.path().join("artifacts/a1.map")).unwrap();
        assert!(Arc::ptr_eq(&first, &maps.of("a1").await.unwrap()));
    }

    #[tokio::test]
    async fn a_busy_parser_does_not_delay_lines() {
        let (_dir, maps) = with("a1");
        let others = maps.parsing.acquire().await.unwrap();
        assert!(maps.of("a1").await.is_none());
        let began = lock(&maps.timed_out).unwrap();
        for _ in 0..100 {
            assert!(maps.of("a1").await.is_none());
        }
        // `timed_out` has not changed, because no line has waited since then.
        assert_eq!(*lock(&maps.timed_out), Some(began));
        drop(others);
        assert!(maps.of("a1").await.is_some());
    }

    #[test]
    fn the_least_recently_used_maps_are_dropped() {
        let (_dir, maps) = with("a1");
        let cached = |hashes: [&str; 4]| hashes.map(|hash| maps.find(hash).is_some());
        let insert = |hash: &str, bytes: usize| {
            maps.insert(CachedMap {
                hash: hash.to_owned(),
                bytes,
                map: Arc::new(SourceMap::from_slice(MAP.as_bytes()).unwrap()),
            })
        };
        insert("a1", MAX_CACHED_BYTES / 2);
        insert("b2", MAX_CACHED_BYTES / 2);
        // This read makes `a1` the most recently used map.
        assert!(maps.find("a1").is_some());
        insert("c3", 1);
        assert_eq!(cached(["a1", "b2", "c3", "d4"]), [true, false, true, false]);
        insert("d4", 2 * MAX_CACHED_BYTES);
        assert_eq!(
            cached(["a1", "b2", "c3", "d4"]),
            [false, false, false, true]
        );
    }
}
