//! Debuggers of functions, in development: publishes the inspectors of the processes, and counts the attached
//! debuggers, because some time limits do not apply while a debugger is attached.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jelou_core::Slug;
use tokio::sync::watch;

/// Whether processes wait for a debugger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakAt {
    /// Processes start without a debugger, which can attach later.
    Nothing,
    /// A process waits for a debugger and stops before it imports its module.
    Import,
}

/// The inspector of one process. Deno's inspector speaks the protocol of Chrome's debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspector {
    pub address: SocketAddr,
    /// The path of the WebSocket. Its last part is random.
    pub path: String,
}

impl Inspector {
    /// Parses a URL such as `ws://127.0.0.1:40831/ws/6cfab499`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (address, path) = url.strip_prefix("ws://")?.split_once('/')?;
        Some(Self {
            address: address.parse().ok()?,
            path: format!("/{path}"),
        })
    }

    /// Returns the unique id of the process.
    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The inspectors of all functions, and the number of attached debuggers.
#[derive(Debug)]
pub struct Debuggers {
    pub(crate) break_at: BreakAt,
    /// The inspectors of each function's processes. The last one is that of the newest process.
    inspectors: watch::Sender<HashMap<Slug, Vec<Inspector>>>,
    attached: watch::Sender<usize>,
}

impl Debuggers {
    pub fn new(break_at: BreakAt) -> Self {
        Self {
            break_at,
            inspectors: watch::Sender::default(),
            attached: watch::Sender::default(),
        }
    }

    /// Returns the inspector of the function's newest process.
    pub fn inspector(&self, function: &Slug) -> Option<Inspector> {
        self.inspectors.borrow().get(function)?.last().cloned()
    }

    /// Waits until the inspector is no longer that of the function's newest process.
    pub async fn replaced(&self, function: &Slug, inspector: &Inspector) {
        let mut inspectors = self.inspectors.subscribe();
        // The sender is a field of `self`, so it is not dropped meanwhile.
        let _ = inspectors
            .wait_for(|all| {
                let newest = all.get(function).and_then(|known| known.last());
                newest != Some(inspector)
            })
            .await;
    }

    /// Publishes the inspector of a new process until the result is dropped.
    pub(crate) fn announce(self: &Arc<Self>, function: Slug, inspector: Inspector) -> Announced {
        self.inspectors.send_modify(|all| {
            let known = all.entry(function.clone()).or_default();
            known.push(inspector.clone());
        });
        Announced {
            debuggers: Arc::clone(self),
            function,
            inspector,
        }
    }

    /// Removes all inspectors, which detaches all debuggers. A process that a debugger has stopped continues.
    pub fn detach_all(&self) {
        self.inspectors.send_replace(HashMap::new());
    }

    /// Counts a debugger as attached until the result is dropped.
    pub fn attach(self: &Arc<Self>) -> Attached {
        self.attached.send_modify(|count| *count += 1);
        Attached(Arc::clone(self))
    }

    pub fn is_attached(&self) -> bool {
        *self.attached.borrow() > 0
    }

    /// Returns a receiver of the number of attached debuggers.
    pub fn watch_attached(&self) -> watch::Receiver<usize> {
        self.attached.subscribe()
    }

    /// Waits until no debugger was attached for `timeout`.
    pub async fn unattended_for(&self, timeout: Duration) {
        let mut attached = self.attached.subscribe();
        loop {
            // The sender is a field of `self`, so it is not dropped meanwhile.
            let _ = attached.wait_for(|count| *count == 0).await;
            tokio::select! {
                () = tokio::time::sleep(timeout) => return,
                _ = attached.wait_for(|count| *count > 0) => {}
            }
        }
    }
}

/// A published inspector. Dropping it removes the inspector from the list.
#[derive(Debug)]
pub(crate) struct Announced {
    debuggers: Arc<Debuggers>,
    function: Slug,
    inspector: Inspector,
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.debuggers.inspectors.send_modify(|all| {
            if let Some(known) = all.get_mut(&self.function) {
                known.retain(|other| *other != self.inspector);
            }
        });
    }
}

/// A debugger that is attached to a process.
#[derive(Debug)]
pub struct Attached(Arc<Debuggers>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.attached.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspector(port: u16) -> Inspector {
        Inspector::parse(&format!("ws://127.0.0.1:{port}/ws/{port}")).unwrap()
    }

    #[test]
    fn the_newest_process_is_debugged() {
        let debuggers = Arc::new(Debuggers::new(BreakAt::Nothing));
        let slug: Slug = "uno".parse().unwrap();
        let found = |port: Option<u16>| {
            assert_eq!(debuggers.inspector(&slug), port.map(inspector));
        };
        found(None);
        let first = debuggers.announce(slug.clone(), inspector(1));
        let second = debuggers.announce(slug.clone(), inspector(2));
        found(Some(2));
        drop(second);
        found(Some(1));
        let third = debuggers.announce(slug.clone(), inspector(3));
        drop(first);
        found(Some(3));
        assert_eq!(inspector(3).id(), "3");
        debuggers.detach_all();
        found(None);
        drop(third);
    }

    #[tokio::test]
    async fn the_wait_ends_only_without_a_debugger() {
        let debuggers = Arc::new(Debuggers::new(BreakAt::Nothing));
        let attached = debuggers.attach();
        let patience = Duration::from_millis(20);
        let mut unattended = std::pin::pin!(debuggers.unattended_for(patience));
        let while_attached = tokio::time::timeout(patience * 10, unattended.as_mut());
        assert!(while_attached.await.is_err());
        drop(attached);
        unattended.await;
    }
}
