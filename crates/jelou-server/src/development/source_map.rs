//! The source map of a bundle, in the form that debuggers read.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jelou_core::SourceTree;
use jelou_engine::Bundle;
use serde_json::Value;
use url::Url;

/// Appends the source map to the code. The sources are the files of the project, with their text.
pub(super) fn embed(bundle: &mut Bundle, dir: &Path, tree: &SourceTree) {
    let Ok(mut map) = serde_json::from_str::<Value>(&bundle.source_map) else {
        return;
    };
    let Some(sources) = map["sources"].as_array_mut() else {
        return;
    };
    let mut contents = Vec::new();
    for source in sources {
        let name = source.as_str().unwrap_or_default();
        let file = tree.file(name);
        contents.push(file.map(|file| String::from_utf8_lossy(&file.content).into_owned()));
        if file.is_some()
            && let Ok(url) = Url::from_file_path(dir.join(name))
        {
            *source = url.as_str().into();
        }
    }
    map["sourcesContent"] = contents.into();
    let encoded = BASE64_STANDARD.encode(map.to_string());
    bundle
        .code
        .push_str("\n//# sourceMappingURL=data:application/json;base64,");
    bundle.code.push_str(&encoded);
    bundle.code.push('\n');
}
