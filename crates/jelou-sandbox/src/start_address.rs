//! The address of an empty string that nobody can guess.
//!
//! A process starts by `execveat(descriptor, "", AT_EMPTY_PATH)`, and its filter must allow that one call and no exec
//! after it. A filter sees the numbers of a call and not what they point to: with the right descriptor and another
//! path, the kernel would start another program. So the filter also wants the path at one address, which is chosen
//! at random among 2^46. The program that is started has nothing there and is never told.

use rustix::mm::{MapFlags, ProtFlags};

const PAGE_BITS: u32 = 12;
/// Pages that can be chosen from: the lower half of the address space of a process with 47 bits of it.
const PAGES: u64 = 1 << 34;
/// The lowest page, well above what the kernel leaves unmapped (`vm.mmap_min_addr`).
const FIRST_PAGE: u64 = 1 << 8;
const ATTEMPTS: u32 = 64;

/// Valid for the life of this process, and in its children until they become another program.
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
            // SAFETY: with FIXED_NOREPLACE, the kernel maps at this address or nowhere, and touches no other mapping.
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
                // A kernel before 4.17 takes the address as a wish.
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
