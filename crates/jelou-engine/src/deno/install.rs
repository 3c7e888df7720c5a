//! Downloads the pinned binaries with the machine's `npm` client, so that the registry, the proxy and the certificates
//! of npm's configuration apply. A binary with a different SHA-256 is rejected.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::binary::{Deno, DenoSource, bundler_path, deno_path};
use super::pin::{DENO_VERSION, Pin};

/// Why a binary cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error(
        "no Deno is pinned for {}-{}; set JELOU_DENO to a Deno {} binary",
        std::env::consts::OS,
        std::env::consts::ARCH,
        DENO_VERSION
    )]
    Platform,
    #[error("cannot run `npm`: {0}; install npm, or set JELOU_DENO to a Deno {version} binary", version = DENO_VERSION)]
    Npm(std::io::Error),
    #[error("npm could not fetch {package}@{version}: {reason}")]
    Fetch {
        package: &'static str,
        version: &'static str,
        reason: String,
    },
    #[error("{package}@{version} contains no `{member}`")]
    Member {
        package: &'static str,
        version: &'static str,
        member: &'static str,
    },
    #[error(
        "{package}@{version} has SHA-256 {found}, but {pinned} is pinned; it was not installed"
    )]
    Checksum {
        package: &'static str,
        version: &'static str,
        found: String,
        pinned: &'static str,
    },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Installs missing binaries into the data folder. Blocks the thread.
///
/// # Errors
///
/// When a binary cannot be downloaded, has a different checksum, or cannot be written.
pub fn install(data: &Path) -> Result<Deno, InstallError> {
    let binary = deno_path(data);
    fetch(&Pin::deno().ok_or(InstallError::Platform)?, &binary)?;
    let deno = Deno {
        binary,
        bundler: None,
        source: DenoSource::Installed,
    };
    install_bundler(data, deno)
}

/// Installs the bundler for a Deno outside the data folder. Blocks the thread.
///
/// # Errors
///
/// As [`install`].
pub fn install_bundler(data: &Path, deno: Deno) -> Result<Deno, InstallError> {
    let bundler = bundler_path(data);
    fetch(&Pin::bundler().ok_or(InstallError::Platform)?, &bundler)?;
    Ok(Deno {
        bundler: Some(bundler),
        ..deno
    })
}

fn fetch(pin: &Pin, target: &Path) -> Result<(), InstallError> {
    if target.is_file() && sha256_of(fs_err::File::open(target)?)? == pin.sha256 {
        return Ok(());
    }
    let parent = target.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(parent)?;
    // In the target's folder, so that the final rename is atomic.
    let staging = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(parent)?;
    let archive = pack(pin, staging.path())?;
    let unpacked = staging.path().join("binary");
    extract(pin, &archive, &unpacked)?;
    let found = sha256_of(fs_err::File::open(&unpacked)?)?;
    if found != pin.sha256 {
        return Err(InstallError::Checksum {
            package: pin.package,
            version: pin.version,
            found,
            pinned: pin.sha256,
        });
    }
    fs_err::set_permissions(&unpacked, std::fs::Permissions::from_mode(0o755))?;
    fs_err::File::open(&unpacked)?.sync_all()?;
    fs_err::rename(&unpacked, target)?;
    fs_err::File::open(parent)?.sync_all()?;
    Ok(())
}

fn pack(pin: &Pin, into: &Path) -> Result<PathBuf, InstallError> {
    let mut command = Command::new("npm");
    for name in jelou_core::private_variables() {
        command.env_remove(name);
    }
    let output = command
        .args(["pack", "--silent", "--pack-destination"])
        .arg(into)
        .arg(format!("{}@{}", pin.package, pin.version))
        .current_dir(into)
        .output()
        .map_err(InstallError::Npm)?;
    let fetch_error = |reason: String| InstallError::Fetch {
        package: pin.package,
        version: pin.version,
        reason,
    };
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(fetch_error(stderr.trim().to_owned()));
    }
    fs_err::read_dir(into)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| fetch_error("npm left no archive".to_owned()))
}

fn extract(pin: &Pin, archive: &Path, into: &Path) -> Result<(), InstallError> {
    let mut archive = tar::Archive::new(GzDecoder::new(fs_err::File::open(archive)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_ref() == Path::new(pin.member) {
            let mut file = fs_err::File::create(into)?;
            std::io::copy(&mut entry, &mut file)?;
            return Ok(());
        }
    }
    Err(InstallError::Member {
        package: pin.package,
        version: pin.version,
        member: pin.member,
    })
}

fn sha256_of(mut reader: impl Read) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(crate::hex::hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
    }
}
