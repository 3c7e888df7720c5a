//! The OpenAPI document of the management API is committed, so that a review shows changes of the API.

use std::path::Path;

#[test]
fn the_committed_document_is_of_this_api() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let mut document = jelou_server::openapi_document().to_pretty_json().unwrap();
    document.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some_and(|value| value == "1") {
        fs_err::write(path, document).unwrap();
        return;
    }
    let committed = fs_err::read_to_string(path).unwrap();
    assert!(
        committed == document,
        "docs/reference/openapi.json is of another API; UPDATE_OPENAPI=1 cargo test -p jelou-server api_document writes it anew"
    );
}

/// Client generators use the operations' names as method names.
#[test]
fn operations_have_names_of_their_own() {
    let document = serde_json::to_value(jelou_server::openapi_document()).unwrap();
    let mut names: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}
