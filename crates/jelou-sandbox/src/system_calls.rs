//! Restricts the system calls of a process (seccomp(2)).
//!
//! The filter lists refused calls, not allowed calls: V8 and Deno's runtime use many calls, and a new version may use
//! others. It refuses calls that no function needs and that kernel exploits use.

use std::collections::BTreeMap;
use std::sync::Arc;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::config::SandboxConfig;
use crate::purpose::{Network, Purpose};
use crate::start_address::StartAddress;

/// The file descriptor from which a process starts its program. No other file can get this number later.
pub(crate) const PROGRAM_FD: i32 = 900;

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
    libc::SYS_memfd_create,
    libc::SYS_mknodat,
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
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    // A process must not leave its process group, because the group is killed at the end of a build step.
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Filters in the order of their installation. The kernel applies the strictest result of all filters.
pub(crate) type Filters = Arc<Vec<BpfProgram>>;

/// Returns why system call filters cannot be used, or `None` if they can.
pub(crate) fn missing() -> Option<&'static str> {
    let supported = std::env::consts::ARCH
        .try_into()
        .ok()
        .is_some_and(|_: TargetArch| true);
    if !supported {
        return Some("there is no filter for this processor");
    }
    // The file exists only if the kernel supports seccomp filters (seccomp(2), NOTES).
    let actions = std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail");
    (!actions.exists()).then_some("the kernel has no seccomp filters")
}

pub(crate) fn filters(
    purpose: Purpose,
    config: &SandboxConfig,
    start: StartAddress,
) -> Result<Filters, seccompiler::Error> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_mknod, libc::SYS_modify_ldt] {
        refused.insert(call, Vec::new());
    }
    refuse_outliving(&mut refused)?;
    if !purpose.starts_programs() {
        refuse_programs(&mut refused, start)?;
        refuse_signals_and_links(&mut refused);
    }
    let network = purpose.network();
    if network == Network::None {
        let no_unix = SeccompRule::new(vec![argument(0, SeccompCmpOp::Ne, libc::AF_UNIX)?])?;
        refused.insert(libc::SYS_socket, vec![no_unix]);
    } else {
        refuse_raw_sockets(&mut refused)?;
    }
    let mut filters = vec![
        filter(refused, libc::EPERM)?,
        // The flags of clone3(2) are in memory, which a filter cannot read. Programs fall back to clone(2).
        filter(
            BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
            libc::ENOSYS,
        )?,
    ];
    #[cfg(target_arch = "x86_64")]
    filters.push(refuse_second_numbering());
    if !config.ipv6 && network == Network::Public {
        let inet6 = SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, libc::AF_INET6)?])?;
        filters.push(filter(
            BTreeMap::from([(libc::SYS_socket, vec![inet6])]),
            libc::EAFNOSUPPORT,
        )?);
    }
    Ok(Arc::new(filters))
}

/// Prevents a process from clearing the signal that kills it with the server (`PR_SET_PDEATHSIG`).
fn refuse_outliving(
    refused: &mut BTreeMap<i64, Vec<SeccompRule>>,
) -> Result<(), seccompiler::Error> {
    let rule = SeccompRule::new(vec![argument(0, SeccompCmpOp::Eq, libc::PR_SET_PDEATHSIG)?])?;
    refused.insert(libc::SYS_prctl, vec![rule]);
    Ok(())
}

/// Allows threads, but no second program and no second process. The only allowed exec is the start of the program.
fn refuse_programs(
    refused: &mut BTreeMap<i64, Vec<SeccompRule>>,
    start: StartAddress,
) -> Result<(), seccompiler::Error> {
    refused.insert(libc::SYS_execve, Vec::new());
    let other_path =
        SeccompCondition::new(1, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, start.value())?;
    refused.insert(
        libc::SYS_execveat,
        vec![
            SeccompRule::new(vec![argument(0, SeccompCmpOp::Ne, PROGRAM_FD)?])?,
            SeccompRule::new(vec![other_path])?,
            SeccompRule::new(vec![argument(4, SeccompCmpOp::Ne, libc::AT_EMPTY_PATH)?])?,
        ],
    );
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

/// Refuses the sending of signals: if the server is not root, other processes have the same user and could get a
/// signal. Refuses links, because the server might follow them.
fn refuse_signals_and_links(refused: &mut BTreeMap<i64, Vec<SeccompRule>>) {
    for call in [
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_symlinkat,
        libc::SYS_linkat,
    ] {
        refused.insert(call, Vec::new());
    }
    #[cfg(target_arch = "x86_64")]
    for call in [libc::SYS_symlink, libc::SYS_link] {
        refused.insert(call, Vec::new());
    }
}

/// Refuses calls by their x32 number. On x86-64, every call has such a second number, which the other filters do not
/// match.
#[cfg(target_arch = "x86_64")]
fn refuse_second_numbering() -> BpfProgram {
    // Offset of the call's number in `struct seccomp_data`.
    const NUMBER: u32 = 0;
    const X32_BIT: u32 = 0x4000_0000;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let instruction = |code, jt, k| seccompiler::sock_filter { code, jt, jf: 0, k };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    vec![
        instruction(LOAD_WORD, 0, NUMBER),
        instruction(JUMP_IF_AT_LEAST, 1, X32_BIT),
        instruction(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        instruction(RETURN, 0, refuse),
    ]
}

/// Allows TCP, UDP, unix sockets, and the netlink family for name resolution. Refuses sockets that read or write raw
/// packets.
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
    let other_netlink = SeccompRule::new(vec![
        argument(0, SeccompCmpOp::Eq, libc::AF_NETLINK)?,
        argument(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE)?,
    ])?;
    refused.insert(
        libc::SYS_socket,
        vec![
            SeccompRule::new(other_family)?,
            raw_ip(libc::AF_INET)?,
            raw_ip(libc::AF_INET6)?,
            other_netlink,
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
