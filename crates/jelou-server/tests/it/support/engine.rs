//! The engine for the data folders of tests.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Links the engine into a data folder.
pub(super) fn link_into(data: &Path) {
    let folder = data.join("engine");
    std::fs::create_dir_all(&folder).unwrap();
    for binary in std::fs::read_dir(fetched().join("engine")).unwrap() {
        let from = binary.unwrap().path();
        let to = folder.join(from.file_name().unwrap());
        // Hard links do not work across file systems.
        if std::fs::hard_link(&from, &to).is_err() {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// A data folder that contains only the engine: the folder that `make test` sets, or a folder in the build folder.
fn fetched() -> &'static Path {
    static FETCHED: OnceLock<PathBuf> = OnceLock::new();
    FETCHED.get_or_init(|| {
        std::env::var_os("JELOU_TEST_DATA").map_or_else(
            || {
                let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engine");
                jelou_engine::deno::install(&data).unwrap();
                data
            },
            PathBuf::from,
        )
    })
}
