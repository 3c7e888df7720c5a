//! Tests each layer alone: a Deno process with all permissions of Deno runs inside one layer.
//!
//! The code calls the kernel through `syscall(2)`, as native code in a compromised process would.

use std::os::unix::fs::PermissionsExt;

use jelou_sandbox::{Layer, Opening, Purpose};
use serde_json::Value;

use crate::support::{Place, Run, has};

fn files(place: &Place) -> Vec<(&'static str, String)> {
    let other = place.other();
    let other = other.display();
    vec![
        (
            "own",
            "{ await Deno.writeTextFile('own', 'x'); await Deno.readTextFile('own'); }".to_owned(),
        ),
        (
            "passwd",
            "Deno.readTextFile('/etc/passwd').then(() => 'done')".to_owned(),
        ),
        (
            "other",
            format!("Deno.readTextFile('{other}/secret').then(() => 'done')"),
        ),
        ("write", format!("Deno.writeTextFile('{other}/new', 'x')")),
        ("list", "{ [...Deno.readDirSync('/')]; }".to_owned()),
        (
            "parent",
            "{ Deno.readTextFileSync(`/proc/${Deno.ppid}/status`); }".to_owned(),
        ),
    ]
}

const PROGRAM: (&str, &str) = (
    "program",
    "new Deno.Command('/bin/true').output().then(({ code }) => code === 0 ? 'done' : code)",
);
const LISTEN: (&str, &str) = (
    "listen",
    "{ Deno.listen({ hostname: '127.0.0.1', port: 0 }).close(); }",
);

fn owned((name, code): (&'static str, &str)) -> (&'static str, String) {
    (name, code.to_owned())
}

#[tokio::test]
async fn without_any_layer_everything_is_open() {
    let place = Place::new();
    let mut attempts = files(&place);
    attempts.extend([owned(PROGRAM), owned(LISTEN)]);
    let outcomes = Run::new(&place, &[]).attempts(&attempts).await;
    for (name, _) in attempts {
        assert_eq!(outcomes[name], "done", "{name}: {outcomes}");
    }
}

#[tokio::test]
async fn landlock_alone() {
    if !has(Layer::Landlock) {
        return;
    }
    let place = Place::new();
    let mut attempts = files(&place);
    attempts.extend([owned(PROGRAM), owned(LISTEN)]);
    attempts.extend([
        ("link", "Deno.symlink('/etc/passwd', 'link')".to_owned()),
        (
            "through a link",
            "Deno.readTextFile('/proc/self/root/etc/passwd').then(() => 'done')".to_owned(),
        ),
    ]);
    let outcomes = Run::new(&place, &[Layer::Landlock])
        .attempts(&attempts)
        .await;
    assert_eq!(outcomes["own"], "done", "{outcomes}");
    for (name, _) in attempts.iter().filter(|(name, _)| *name != "own") {
        let refused = ["PermissionDenied", "NotCapable"].map(Value::from);
        assert!(refused.contains(&outcomes[name]), "{name}: {outcomes}");
    }
}

fn socket(arguments: &str) -> String {
    format!("call({}, {arguments})", libc::SYS_socket)
}

/// Returns the system calls that the filters refuse: name, code, and expected error.
fn refused_calls() -> Vec<(&'static str, String, i32)> {
    let number = |call: libc::c_long, rest: &str| format!("call({call}{rest})");
    let path = |call: libc::c_long, first: &str, path: &str, rest: &str| {
        format!("done(libc.syscall({call}n, {first}n, text('{path}'), 0n, 0n, {rest}n))")
    };
    let refused = libc::EPERM;
    let mut calls = vec![
        (
            "another process's memory",
            number(libc::SYS_process_vm_readv, ", 1"),
            refused,
        ),
        ("tracing", number(libc::SYS_ptrace, ", 16, 1"), refused),
        ("user faults", number(libc::SYS_userfaultfd, ""), refused),
        ("rings", number(libc::SYS_io_uring_setup, ", 1"), refused),
        ("programs in the kernel", number(libc::SYS_bpf, ""), refused),
        (
            "namespaces",
            number(libc::SYS_unshare, ", 0x10000000"),
            refused,
        ),
        ("mounts", number(libc::SYS_mount, ""), refused),
        ("keys", number(libc::SYS_keyctl, ""), refused),
        (
            "files without a name",
            path(libc::SYS_memfd_create, "0", "x", "0"),
            libc::EPERM,
        ),
        (
            "a process",
            format!("call({}, {})", libc::SYS_clone, libc::SIGCHLD),
            refused,
        ),
        (
            "a process by the new call",
            number(libc::SYS_clone3, ""),
            libc::ENOSYS,
        ),
        (
            "a signal",
            format!("call({}, Deno.pid, 0)", libc::SYS_kill),
            refused,
        ),
        (
            "outliving the server",
            format!("call({}, {}, 0)", libc::SYS_prctl, libc::PR_SET_PDEATHSIG),
            refused,
        ),
        ("a session", number(libc::SYS_setsid, ""), refused),
        (
            "a process group",
            number(libc::SYS_setpgid, ", 0, 0"),
            refused,
        ),
        ("a link", path(libc::SYS_symlinkat, "0", "x", "0"), refused),
        ("packets", socket("17, 3, 0"), refused),
        ("raw IP", socket("2, 3, 1"), refused),
        ("raw IPv6", socket("10, 3, 1"), libc::EAFNOSUPPORT),
        ("virtual machines", socket("40, 1, 0"), refused),
        ("firewall", socket("16, 3, 12"), refused),
        ("IPv6", socket("10, 1, 0"), libc::EAFNOSUPPORT),
        ("a program", path(libc::SYS_execve, "0", "", "0"), refused),
        (
            "a program by its path",
            path(libc::SYS_execveat, "900", "/bin/true", "0"),
            refused,
        ),
        (
            "a program by the start's call",
            path(libc::SYS_execveat, "900", "/bin/true", "4096"),
            refused,
        ),
        (
            "the start again",
            path(libc::SYS_execveat, "900", "", "4096"),
            refused,
        ),
        (
            "the start's descriptor",
            format!("call({}, 1, 900, 0)", libc::SYS_dup3),
            libc::EBADF,
        ),
    ];
    if cfg!(target_arch = "x86_64") {
        calls.push((
            "the second numbering",
            "call(0x40000000 + 39)".to_owned(),
            libc::ENOSYS,
        ));
    }
    calls
}

#[tokio::test]
async fn system_call_filters_alone() {
    if !has(Layer::Seccomp) {
        return;
    }
    let place = Place::new();
    let expected = refused_calls();
    let mut attempts: Vec<_> = expected
        .iter()
        .map(|(name, code, _)| (*name, code.clone()))
        .collect();
    attempts.extend([
        owned(PROGRAM),
        ("streams", socket("2, 1, 0")),
        ("datagrams", socket("2, 2, 0")),
        ("unix", socket("1, 1, 0")),
        ("addresses", socket("16, 3, 0")),
    ]);
    let outcomes = Run::new(&place, &[Layer::Seccomp])
        .attempts(&attempts)
        .await;
    for (name, _, error) in &expected {
        assert_eq!(outcomes[name], *error, "{name}: {outcomes}");
    }
    assert_eq!(outcomes["program"], "PermissionDenied", "{outcomes}");
    for name in ["streams", "datagrams", "unix", "addresses"] {
        assert_eq!(outcomes[name], "done", "{name}: {outcomes}");
    }
    // Without the layer, the calls succeed. Only harmless calls are tried, because others would start another program.
    let harmless = ["a signal", "a process group", "firewall", "program"];
    attempts.retain(|(name, _)| harmless.contains(name));
    let open = Run::new(&place, &[]).attempts(&attempts).await;
    for name in harmless {
        assert_eq!(open[name], "done", "{name}: {open}");
    }
}

#[tokio::test]
async fn the_inspection_of_a_manifest_has_no_network() {
    if !has(Layer::Seccomp) {
        return;
    }
    let place = Place::new();
    let attempts: Vec<_> = [
        ("streams", "2, 1, 0"),
        ("datagrams", "2, 2, 0"),
        ("addresses", "16, 3, 0"),
        ("IPv6", "10, 1, 0"),
        ("unix", "1, 1, 0"),
    ]
    .map(|(name, arguments)| (name, socket(arguments)))
    .into();
    for purpose in [Purpose::Inspect, Purpose::Check] {
        let mut run = Run::new(&place, &[Layer::Seccomp]);
        run.purpose = purpose;
        let outcomes = run.attempts(&attempts).await;
        for name in ["streams", "datagrams", "addresses", "IPv6"] {
            assert_eq!(
                outcomes[name],
                libc::EPERM,
                "{purpose:?}, {name}: {outcomes}"
            );
        }
        assert_eq!(outcomes["unix"], "done", "{outcomes}");
    }
}

#[tokio::test]
async fn user_ids_alone() {
    if !has(Layer::User) {
        return;
    }
    let place = Place::new();
    let private = std::fs::Permissions::from_mode(0o700);
    fs_err::set_permissions(place.other(), private).unwrap();
    let mut attempts = files(&place);
    attempts.retain(|(name, _)| ["own", "other", "write"].contains(name));
    attempts.extend([
        (
            "shadow",
            "Deno.readTextFile('/etc/shadow').then(() => 'done')".to_owned(),
        ),
        (
            "environment",
            "{ Deno.readTextFileSync(`/proc/${Deno.ppid}/environ`); }".to_owned(),
        ),
        (
            "memory",
            "{ Deno.openSync(`/proc/${Deno.ppid}/mem`); }".to_owned(),
        ),
        ("signal", format!("call({}, Deno.ppid, 0)", libc::SYS_kill)),
        ("root", format!("call({}, 0)", libc::SYS_setuid)),
    ]);
    let outcomes = Run::new(&place, &[Layer::User]).attempts(&attempts).await;
    assert_eq!(outcomes["own"], "done", "{outcomes}");
    for name in ["root", "signal"] {
        assert_eq!(outcomes[name], libc::EPERM, "{name}: {outcomes}");
    }
    for name in ["other", "write", "shadow", "environment", "memory"] {
        let refused = ["PermissionDenied", "NotCapable"].map(Value::from);
        assert!(refused.contains(&outcomes[name]), "{name}: {outcomes}");
    }
}

#[tokio::test]
async fn the_firewall_alone() {
    if !has(Layer::Firewall) {
        return;
    }
    let place = Place::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let attempts = [
        ("loopback", address.ip().to_string()),
        ("all of it", "127.255.255.254".to_owned()),
        ("no address", "0.0.0.0".to_owned()),
        ("IPv6", "::1".to_owned()),
    ]
    .map(|(name, host)| {
        let port = address.port();
        let code = format!(
            "Deno.connect({{ hostname: '{host}', port: {port} }}).then((stream) => stream.close())"
        );
        (name, code)
    });
    let layers = [Layer::User, Layer::Firewall];
    let outcomes = Run::new(&place, &layers).attempts(&attempts).await;
    for (name, _) in &attempts {
        assert_ne!(outcomes[name], "done", "{outcomes}");
    }
    // The firewall's rule caused the refusals: this process can connect, because the rule does not match it.
    assert!(std::net::TcpStream::connect(address).is_ok());
    let outcomes = Run::new(&place, &[Layer::User]).attempts(&attempts).await;
    assert_eq!(outcomes["loopback"], "done", "{outcomes}");
    let allowed = ["127.0.0.1/32".parse().unwrap()];
    let mut run = Run::new(&place, &layers);
    run.egress_allow = &allowed;
    let outcomes = run.attempts(&attempts).await;
    assert_eq!(outcomes["loopback"], "done", "{outcomes}");
    assert_ne!(outcomes["all of it"], "done", "{outcomes}");

    // An opening of one process applies only to its user id and its port.
    let mut run = Run::new(&place, &layers);
    run.openings = vec![Opening {
        network: allowed[0],
        port: Some(address.port()),
    }];
    let outcomes = run.attempts(&attempts).await;
    assert_eq!(outcomes["loopback"], "done", "{outcomes}");
    run.openings[0].port = Some(address.port() ^ 1);
    let outcomes = run.attempts(&attempts).await;
    assert_ne!(outcomes["loopback"], "done", "{outcomes}");
}

/// With IPv6, only the firewall denies the private ranges.
#[tokio::test]
async fn the_firewall_denies_private_ipv6() {
    let Ok(listener) = std::net::TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    if !has(Layer::Firewall) {
        return;
    }
    let place = Place::new();
    let port = listener.local_addr().unwrap().port();
    let attempts = [
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
        "64:ff9b::7f00:1",
    ]
    .map(|host| {
        let connect = format!("Deno.connect({{ hostname: '{host}', port: {port} }})");
        (host, format!("{connect}.then((stream) => stream.close())"))
    });
    let layers = [Layer::User, Layer::Firewall];
    let mut run = Run::new(&place, &layers);
    run.ipv6 = true;
    let outcomes = run.attempts(&attempts).await;
    for (host, _) in &attempts {
        assert_ne!(outcomes[host], "done", "{outcomes}");
    }
    run.openings = vec![Opening {
        network: "::1/128".parse().unwrap(),
        port: Some(port),
    }];
    let outcomes = run.attempts(&attempts).await;
    assert_eq!(outcomes["::1"], "done", "{outcomes}");
    assert_ne!(outcomes["::ffff:127.0.0.1"], "done", "{outcomes}");
    run.openings.clear();
    let allowed = ["::1/128".parse().unwrap()];
    run.egress_allow = &allowed;
    let outcomes = run.attempts(&attempts).await;
    assert_eq!(outcomes["::1"], "done", "{outcomes}");
}
