//! An empty string at an unguessable address: the path with which a confined process starts its program.
//!
//! A process starts its program with `execveat(PROGRAM_FD, "", AT_EMPTY_PATH)`. The seccomp filter must allow this call
//! but no later exec. A filter sees the arguments, but not the memory that they point to: with this file descriptor and
//! another path, the kernel would start another program. Therefore the filter also compares the address of the path,
//! which is random among 2^46 addresses. The started program has nothing mapped at this address, and cannot find the
//! address.

use rustix::mm::{MapFlags, ProtFlags};

const PAGE_BITS: u32 = 12;
/// Number of candidate pages: the lower half of a 47-bit address space.
const PAGES: u64 = 1 << 34;
/// The number of the lowest candidate page, well above `vm.mmap_min_addr`.
const FIRST_PAGE: u64 = 1 << 8;
const ATTEMPTS: u32 = 64;

/// The address of an empty string. Valid in this process, and in its child processes until exec.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartAddress(usize);

impl StartAddress {
    #[expect(
        unsafe_code,
        reason = "memory at a given address is mapped with mmap(2)"
    )]
    pub(crate) fn choose() -> std::io::Result<Self> {
        let size = rustix::param::page_size();
        for _ in 0..ATTEMPTS {
            let random =
                getrandom::u64().map_err(|error| std::io::Error::other(error.to_string()))?;
            let page = FIRST_PAGE + random % (PAGES - FIRST_PAGE);
            let page = page << PAGE_BITS & !(size as u64 - 1);
            let Ok(page) = usize::try_from(page) else {
                continue;
            };
            // Every byte of the page is an empty string.
            let offset = usize::try_from(random >> (u64::BITS - PAGE_BITS)).unwrap_or(0);
            // SAFETY: with FIXED_NOREPLACE, the kernel maps at this address or fails, and changes no other mapping.
            let mapped = unsafe {
                rustix::mm::mmap_anonymous(
                    std::ptr::without_provenance_mut(page),
                    size,
                    ProtFlags::READ,
                    MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE,
                )
            };
            match mapped {
                Ok(address) if address.addr() == page => return Ok(Self(page + offset)),
                // A kernel before 4.17 treats the address only as a hint.
                Ok(_) | Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOMEM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(std::io::Error::other(
            "no free page was found for the start of processes",
        ))
    }

    pub(crate) fn value(self) -> u64 {
        self.0 as u64
    }

    pub(crate) fn as_ptr(self) -> *const std::ffi::c_char {
        std::ptr::with_exposed_provenance(self.0)
    }
}
