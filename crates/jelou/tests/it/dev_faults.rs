//! `jelou dev` in bad conditions: no network, a full disk, folders that disappear, endless code, many saves.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use crate::support::{Dev, Package, Sandbox, Web, function, times};

fn answers(text: &str) -> String {
    function(&format!("() => \"{text}\""))
}

fn importing(specifier: &str) -> String {
    format!(
        "import {{ text }} from \"{specifier}\";\n{}",
        function("() => text")
    )
}

fn answer(dev: &Dev) -> String {
    dev.request().send().json().as_str().unwrap().to_owned()
}

#[test]
fn a_missing_package_without_network() {
    // Nothing listens at this address.
    let sandbox = Sandbox::new().env("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9/");
    sandbox.file("index.ts", answers("good"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    sandbox.file("index.ts", importing("npm:missing-package@1.0.0"));
    let failed = dev.event("failed");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("missing-package"), "{failed}");
    assert!(message.contains("127.0.0.1:9"), "{failed}");
    assert!(failed["place"].is_string(), "{failed}");
    let stale = dev.request().send();
    assert!(stale.header("x-jelou-dev-stale").is_some(), "{stale:?}");
    assert_eq!(stale.json(), "good");
    sandbox.file("index.ts", answers("recovered"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "recovered");
}

#[test]
fn a_folder_that_is_replaced_is_still_watched() {
    let sandbox = Sandbox::new();
    sandbox.file("lib/text.ts", "export const text = \"first\";\n");
    sandbox.file("index.ts", importing("./lib/text.ts"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    // Faster than a change is detected, like a switch to another branch in git.
    let folder = sandbox.project().join("lib");
    fs::remove_dir_all(&folder).unwrap();
    sandbox.file("lib/text.ts", "export const text = \"second\";\n");
    dev.find("the new file", |event| event["event"] == "loaded");
    assert_eq!(answer(&dev), "second");
    sandbox.file("lib/text.ts", "export const text = \"third\";\n");
    dev.event("loaded");
    assert_eq!(answer(&dev), "third");
    // A replacement by renaming.
    sandbox.file("new/text.ts", "export const text = \"fourth\";\n");
    fs::rename(&folder, sandbox.project().join("old")).unwrap();
    fs::rename(sandbox.project().join("new"), &folder).unwrap();
    crate::support::eventually("the renamed folder", || {
        (answer(&dev) == "fourth").then_some(())
    });
    sandbox.file("lib/text.ts", "export const text = \"fifth\";\n");
    crate::support::eventually("the change in it", || {
        (answer(&dev) == "fifth").then_some(())
    });
}

/// A small file system for the state of `jelou dev`.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Returns `None` if mounting is not permitted.
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,mode=0711", "jelou-test"])
            .arg(&path)
            .output()
            .unwrap();
        mounted.status.success().then_some(Self(path))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Unmounts lazily: after a failure of the test, the command still runs.
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking());
    }
}

#[test]
fn a_full_disk() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::mount(sandbox.project().join(".jelou/dev")) else {
        eprintln!("skipped: mounting is not permitted here");
        return;
    };
    sandbox.file("index.ts", answers("good"));
    let mut dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    assert_eq!(answer(&dev), "good");
    disk.fill();
    sandbox.file("index.ts", answers("on a full disk"));
    let failed = dev.event("failed");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("is full"), "{failed}");
    assert_eq!(answer(&dev), "good");
    disk.clear();
    sandbox.file("index.ts", answers("recovered"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "recovered");
    dev.signal(Signal::INT);
    assert_eq!(dev.ended(), Some(0));
}

/// Runs `jelou dev` with loopback only: loads, saves, calls. Prints the packets that the kernel could not route.
const OFFLINE: &str = r#"
ip link set lo up
jelou dev --port 3000 --json --data "$DATA" > events 2> log &
dev=$!
await() {
  for _ in $(seq 600); do
    [ "$(grep -c "$1" events)" -ge "$2" ] && return
    sleep 0.1
  done
  cat events log
  exit 1
}
await '"event":"loaded"' 1
jelou call --json
sed -i s/first/second/ index.ts
await '"event":"loaded"' 2
jelou call --json
kill -INT $dev
wait $dev
awk '/^Ip: [0-9]/ { print "unrouted " $13 }' /proc/net/snmp
"#;

#[test]
fn after_the_first_run_nothing_asks_the_network() {
    let namespace = Command::new("unshare")
        .args(["--net", "ip", "link"])
        .output();
    if !namespace.is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: no network namespace can be made here");
        return;
    }
    let web = Web::start();
    web.publish(&[Package::new(
        "saludos",
        "1.0.0",
        "export const text = \"hola\";\n",
    )]);
    let sandbox = Sandbox::new()
        .env("NPM_CONFIG_REGISTRY", &web.registry())
        .env("JELOU_SANDBOX__FIREWALL", "off");
    sandbox.file(
        "index.ts",
        format!(
            "import {{ text }} from \"npm:saludos@^1.0.0\";\n{}",
            function("() => text + \" first\"")
        ),
    );
    let mut dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    assert_eq!(answer(&dev), "hola first");
    dev.signal(Signal::INT);
    assert_eq!(dev.ended(), Some(0));
    assert_ne!(web.asked(), Vec::<String>::new());
    let data = dev.data_folder();
    let run = format!(
        "export DATA={}; exec unshare --net sh -c '{}'",
        data.display(),
        OFFLINE.replace('\'', "'\\''")
    );
    let outcome = sandbox.shell(&run);
    assert_eq!(outcome.code, 0, "{outcome}");
    let shown = outcome.to_string();
    assert!(
        shown.contains("hola first") && shown.contains("hola second"),
        "{shown}"
    );
    assert!(shown.contains("unrouted 0"), "{shown}");
    assert_eq!(web.asked(), Vec::<String>::new());
}

#[test]
fn an_endless_import_is_given_up_for_the_next_save() {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", answers("good"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    sandbox.file("index.ts", "for (;;) {}\n");
    // The import has started by now.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    sandbox.file("index.ts", answers("recovered"));
    dev.event("loaded");
    assert_eq!(answer(&dev), "recovered");
    sandbox.file("index.ts", "while (true) {}\n");
    let failed = dev.event("failed");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("did not finish its import"), "{failed}");
    assert_eq!(answer(&dev), "recovered");
}

/// Private memory of the command, in KiB.
fn memory_of(dev: &Dev) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", dev.pid())).unwrap();
    rollup
        .lines()
        .filter(|line| line.starts_with("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

#[test]
fn many_saves_need_no_more_memory() {
    let sandbox = Sandbox::new();
    sandbox.file("index.ts", answers("v0"));
    let dev = Dev::start(&sandbox, "");
    dev.event("loaded");
    let saves = times(30, 1000);
    let mut early = 0;
    for number in 1..=saves {
        sandbox.file("index.ts", answers(&format!("v{number}")));
        dev.event("loaded");
        if number == saves / 3 {
            early = memory_of(&dev);
        }
    }
    assert_eq!(answer(&dev), format!("v{saves}"));
    let late = memory_of(&dev);
    // Pages that the allocator keeps vary by some megabytes.
    let limit = early + early / 20 + 8 * 1024;
    assert!(late <= limit, "{early} KiB, then {late} KiB");
}
