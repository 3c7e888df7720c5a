//! An allocator that records the allocations of one thread. It proves what types cannot express: that some code does
//! not allocate, and that memory was zeroized.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use jelou_token::RuntimeToken;

#[global_allocator]
static ALLOCATOR: Watching = Watching;

struct Watching;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static FREED_TOKEN: Cell<Option<[u8; size_of::<RuntimeToken>()]>> = const { Cell::new(None) };
}

/// Returns the result of `work` and the number of its allocations on this thread.
pub(crate) fn allocations_in<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let result = work();
    (result, ALLOCATIONS.get() - before)
}

/// Returns the bytes that remain in the memory of `token` after its drop.
pub(crate) fn remains_of(token: Box<RuntimeToken>) -> [u8; size_of::<RuntimeToken>()] {
    FREED_TOKEN.set(None);
    drop(token);
    FREED_TOKEN
        .take()
        .expect("dropping a box frees memory of this size")
}

#[expect(unsafe_code, reason = "implementing an allocator is unsafe")]
// SAFETY: every call goes to the system's allocator unchanged. The counters are plain thread-local cells with constant
// initial values and without destructors, so they do not allocate.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller fulfils the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if layout == Layout::new::<RuntimeToken>() {
            // SAFETY: the allocation is live and has this layout, which has no padding. The read is volatile, because
            // the optimiser could otherwise remove the writes before it as dead.
            FREED_TOKEN.set(Some(unsafe {
                memory
                    .cast::<[u8; size_of::<RuntimeToken>()]>()
                    .read_volatile()
            }));
        }
        // SAFETY: as in `alloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}
