//! Detects packages with native addons (`.node`), which cannot run here.

use std::path::Path;

use super::lock::Lock;
use super::packages::{Package, Packages};

/// Packages that load or compile another package's native addon.
const LOADERS: [&str; 8] = [
    "@mapbox/node-pre-gyp",
    "bindings",
    "node-addon-api",
    "node-gyp-build",
    "node-gyp-build-optional-packages",
    "node-pre-gyp",
    "pkg-prebuilds",
    "prebuild-install",
];

/// What to use instead of native packages: packages without native addons.
const INSTEAD: [(&str, &str); 24] = [
    ("@libsql/client", "`@libsql/client/web`"),
    ("@napi-rs/canvas", "`pureimage`"),
    ("@node-rs/argon2", "`hash-wasm`"),
    ("@node-rs/bcrypt", "`bcryptjs`"),
    ("@tensorflow/tfjs-node", "`@tensorflow/tfjs`"),
    ("argon2", "`hash-wasm`"),
    ("bcrypt", "`bcryptjs`"),
    ("better-sqlite3", "`sql.js`"),
    ("canvas", "`pureimage`"),
    ("farmhash", "`farmhash-modern`"),
    ("grpc", "`@grpc/grpc-js`"),
    ("iconv", "`iconv-lite`"),
    ("libsql", "`@libsql/client/web`"),
    ("libxmljs", "`fast-xml-parser`"),
    ("libxmljs2", "`fast-xml-parser`"),
    ("lz4", "`lz4js`"),
    ("node-expat", "`sax`"),
    ("node-sass", "`sass`"),
    ("pg-native", "`pg`"),
    ("re2", "`re2js`"),
    ("sharp", "`jimp`"),
    ("snappy", "`snappyjs`"),
    ("sodium-native", "`libsodium-wrappers`"),
    ("sqlite3", "`sql.js`"),
];

/// Prisma's client, whose code is generated on the developer's machine.
pub(super) const PRISMA: &str = "@prisma/client";

/// Returns whether the package cannot run without a native addon.
pub(super) fn is_native(id: &str, package: &Package, packages: &Packages, lock: &Lock) -> bool {
    let has = |file: &str| package.local_path.join(file).is_file();
    // By convention, this file does the same in JavaScript.
    if has("fallback.js") {
        return false;
    }
    has("binding.gyp")
        || lock.dependencies(id, packages).iter().any(|dependency| {
            let is_loader = !dependency.is_optional && LOADERS.contains(&dependency.name.as_str());
            let is_variant = dependency.is_optional
                && lock
                    .package(&dependency.id)
                    .is_some_and(super::lock::Locked::is_prebuilt_for_linux);
            is_loader || is_variant
        })
}

/// Returns the advice for the import of a native package.
pub(super) fn advice(package: &str) -> String {
    INSTEAD
        .iter()
        .find(|(name, _)| *name == package)
        .map_or_else(
            || "use a package of pure JavaScript or WebAssembly".to_owned(),
            |(_, instead)| format!("use {instead} (without native code)"),
        )
}

/// Returns the source of a module that replaces a native addon. It throws an error, which a package with a fallback
/// catches.
pub(super) fn stub(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let text = serde_json::Value::from(format!("`{file}` is native code, which cannot run here"));
    format!("throw new Error({text});\n")
}
