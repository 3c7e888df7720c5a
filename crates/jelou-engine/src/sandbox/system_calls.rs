//! Which system calls a process can make: seccomp(2).
//!
//! Deno runs on a list of what is refused rather than of what is allowed: V8 and its runtime use many calls, and a new
//! version may use others. What is refused is what no function needs and what attacks on kernels are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Purpose;

/// The descriptor of the program that a process starts with; none can be opened under it later.
pub(super) const PROGRAM_FD: i32 = 900;

const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Filters in the order in which they are installed; the strictest answer of all of them counts.
pub(crate) type Filters = Arc<Vec<BpfProgram>>;

pub(super) fn missing() -> Option<&'static str> {
    let supported = std::env::consts::ARCH
        .try_into()
        .ok()
        .is_some_and(|_: TargetArch| true);
    if !supported {
        return Some("there is no filter for this processor");
    }
    // The kernel lists what it can do only when it has seccomp filters (seccomp(2), NOTES).
    let actions = std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail");
    (!actions.exists()).then_some("the kernel has no seccomp filters")
}

pub(super) fn filters(purpose: Purpose, ipv6: bool) -> Result<Filters, seccompiler::Error> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    if purpose != Purpose::Build {
        refuse_programs(&mut refused)?;
    }
    refuse_raw_sockets(&mut refused)?;
    let mut filters = vec![
        filter(refused, libc::EPERM)?,
        // Its flags are in memory, where a filter cannot see them; programs fall back on clone(2).
        filter(
            BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
            libc::ENOSYS,
        )?,
    ];
    if !ipv6 && purpose != Purpose::Build {
        let inet6 = SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, libc::AF_INET6)?])?;
        filters.push(filter(
            BTreeMap::from([(libc::SYS_socket, vec![inet6])]),
            libc::EAFNOSUPPORT,
        )?);
    }
    Ok(Arc::new(filters))
}

/// No second program and no second process: threads only. The one exec that is left is the start itself.
fn refuse_programs(
    refused: &mut BTreeMap<i64, Vec<SeccompRule>>,
) -> Result<(), seccompiler::Error> {
    refused.insert(libc::SYS_execve, Vec::new());
    let other_program = SeccompRule::new(vec![argument(0, SeccompCmpOp::Ne, PROGRAM_FD)?])?;
    refused.insert(libc::SYS_execveat, vec![other_program]);
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_fork, libc::SYS_vfork] {
        refused.insert(call, Vec::new());
    }
    let flag = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let no_thread =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(flag), 0)?;
    refused.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_thread])?]);
    Ok(())
}

/// Streams and datagrams over IP, and unix sockets; nothing that sees or makes packets.
fn refuse_raw_sockets(
    refused: &mut BTreeMap<i64, Vec<SeccompRule>>,
) -> Result<(), seccompiler::Error> {
    let other_family = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ]
    .into_iter()
    .map(|family| argument(0, SeccompCmpOp::Ne, family))
    .collect::<Result<Vec<_>, _>>()?;
    // The type's upper bits are flags (socket(2)).
    let raw = SeccompCondition::new(
        1,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(0xf),
        u64::from(libc::SOCK_RAW.unsigned_abs()),
    )?;
    let raw_ip = |family| -> Result<SeccompRule, seccompiler::Error> {
        Ok(SeccompRule::new(vec![
            argument(0, SeccompCmpOp::Eq, family)?,
            raw.clone(),
        ])?)
    };
    refused.insert(
        libc::SYS_socket,
        vec![
            SeccompRule::new(other_family)?,
            raw_ip(libc::AF_INET)?,
            raw_ip(libc::AF_INET6)?,
        ],
    );
    Ok(())
}

fn argument(
    index: u8,
    operator: SeccompCmpOp,
    value: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(
        index,
        SeccompCmpArgLen::Dword,
        operator,
        u64::from(value.unsigned_abs()),
    )
}

fn filter(
    refused: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
) -> Result<BpfProgram, seccompiler::Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(
        refused,
        SeccompAction::Allow,
        SeccompAction::Errno(error.unsigned_abs()),
        architecture,
    )?;
    Ok(filter.try_into()?)
}
