//! Restricts the files that a process can open (landlock(7)).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::purpose::Network;

/// The newest Landlock ABI that the rules use. On an older kernel, the rules are reduced to that kernel's ABI.
const INTERFACE: ABI = ABI::V6;

/// Paths that every process may read: libraries, name resolution, certificates.
const SYSTEM: [&str; 14] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/ssl",
    "/dev/urandom",
];

/// The loaders of dynamically linked programs. The kernel executes the loader, which loads the program.
const LOADERS: [&str; 5] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// The paths at and below which a process has each right.
#[derive(Debug, Default, Clone)]
pub struct FileRights {
    pub read: Vec<PathBuf>,
    pub execute: Vec<PathBuf>,
    pub write: Vec<PathBuf>,
}

/// Returns why Landlock cannot be used, or `None` if it can.
pub(crate) fn missing() -> Option<&'static str> {
    let created = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create);
    created.is_err().then_some("the kernel has no Landlock")
}

/// Denies TCP listeners, and all files that are not listed. Without network access, also denies TCP connections.
/// Landlock cannot restrict the addresses of connections. `listens`: allows TCP listeners on a port that the kernel
/// chooses.
pub(crate) fn rules(
    rights: &FileRights,
    network: Network,
    listens: bool,
) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let ports = match network {
        Network::None => AccessNet::BindTcp | AccessNet::ConnectTcp,
        Network::Public | Network::All => AccessNet::BindTcp.into(),
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(INTERFACE))?
        .handle_access(ports)?
        .scope(Scope::from_all(INTERFACE))?
        .create()?;
    if listens {
        rules = rules.add_rule(NetPort::new(0, AccessNet::BindTcp))?;
    }
    let system = SYSTEM.iter().map(Path::new);
    for path in system.chain(rights.read.iter().map(PathBuf::as_path)) {
        rules = allow(rules, path, read)?;
    }
    let loaders = LOADERS.iter().map(Path::new);
    for path in loaders.chain(rights.execute.iter().map(PathBuf::as_path)) {
        rules = allow(rules, path, AccessFs::ReadFile | AccessFs::Execute)?;
    }
    // The process cannot create programs, symbolic links or devices.
    let write = AccessFs::from_all(INTERFACE)
        & !(AccessFs::Execute
            | AccessFs::MakeSym
            | AccessFs::MakeChar
            | AccessFs::MakeBlock
            | AccessFs::MakeFifo
            | AccessFs::IoctlDev);
    for path in &rights.write {
        rules = allow(rules, path, write)?;
    }
    allow(
        rules,
        Path::new("/dev/null"),
        AccessFs::ReadFile | AccessFs::WriteFile,
    )
}

/// Allows the process to read `/proc/self`. Must be called in the confined process, because `/proc/self` depends on the
/// calling process.
pub(crate) fn allow_own_process(rules: RulesetCreated) -> Result<RulesetCreated, RulesetError> {
    allow(
        rules,
        Path::new("/proc/self"),
        AccessFs::ReadFile | AccessFs::ReadDir,
    )
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(file) => {
            // Landlock rejects directory rights on a file.
            let access = if path.is_dir() {
                access
            } else {
                access & AccessFs::from_file(INTERFACE)
            };
            rules.add_rule(PathBeneath::new(file, access))
        }
        // A missing path needs no rule.
        Err(_) => Ok(rules),
    }
}
