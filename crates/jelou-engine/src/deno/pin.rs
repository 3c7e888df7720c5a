//! The pinned versions of Deno and of the bundler, and the SHA-256 of their binaries for each platform.

/// Version of Deno. A new version needs new checksums below.
pub const DENO_VERSION: &str = "2.9.6";
/// Version of esbuild, the bundler.
pub(crate) const ESBUILD_VERSION: &str = "0.25.5";

/// One binary in the archive of an npm package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) package: &'static str,
    pub(super) version: &'static str,
    /// Path inside the package's archive.
    pub(super) member: &'static str,
    /// SHA-256 of the binary, in hexadecimal.
    pub(super) sha256: &'static str,
}

impl Pin {
    /// Returns Deno for this platform, or `None` if no checksum is pinned.
    pub(super) const fn deno() -> Option<Self> {
        if cfg!(all(
            target_os = "linux",
            target_arch = "x86_64",
            target_env = "gnu"
        )) {
            Some(Self {
                package: "@deno/linux-x64-glibc",
                version: DENO_VERSION,
                member: "package/deno",
                sha256: "bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0",
            })
        } else {
            None
        }
    }

    /// Returns the bundler for this platform, or `None` if no checksum is pinned.
    pub(super) const fn bundler() -> Option<Self> {
        let (package, sha256) = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            (
                "@esbuild/linux-x64",
                "3331e0b23c99d93d9a39e436a4838de40ca1c95ac3bcbd9874ba169d8545b634",
            )
        } else if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
            (
                "@esbuild/linux-arm64",
                "d6d656d9326ce1c55c01f73604a3cffda35c63cce60016e9ed795ac91cd1e67d",
            )
        } else {
            return None;
        };
        Some(Self {
            package,
            version: ESBUILD_VERSION,
            member: "package/bin/esbuild",
            sha256,
        })
    }
}
