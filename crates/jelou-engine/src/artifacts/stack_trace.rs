//! Maps stack traces from the bundle to the developer's source files.

use serde_json::Value;
use sourcemap::SourceMap;

/// The start and the end of a bundle's URL in a frame. The folder of the worker is between them.
const SCHEME: &str = "file://";
const BUNDLE: &str = "/function/.bundle.js:";

/// Returns whether the text may contain frames of a bundle.
pub(crate) fn has_frames(text: &str) -> bool {
    text.contains(BUNDLE)
}

/// Maps frames of the bundle to files, lines and columns of the upload. Removes frames of the platform. Frames without
/// a mapping keep their line and column in the bundle.
pub(crate) fn rewrite(text: &str, map: Option<&SourceMap>) -> String {
    text.lines()
        .filter(|line| !is_platform_frame(line))
        .map(|line| rewrite_line(line, map))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Like [`rewrite`], for a log line. In a JSON line of the SDK, each string is rewritten separately.
pub(crate) fn rewrite_logged(line: &str, map: Option<&SourceMap>) -> String {
    match serde_json::from_str(line) {
        Ok(mut value) => {
            rewrite_texts(&mut value, map);
            value.to_string()
        }
        Err(_) => rewrite(line, map),
    }
}

fn rewrite_texts(value: &mut Value, map: Option<&SourceMap>) {
    match value {
        Value::String(text) => *text = rewrite(text, map),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite_texts(item, map)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| rewrite_texts(field, map)),
        _ => {}
    }
}

fn is_platform_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && (line.contains("/worker.js:") || line.contains("ext:"))
}

fn rewrite_line(line: &str, map: Option<&SourceMap>) -> String {
    let mut rewritten = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(BUNDLE) {
        let (before, position) = (&rest[..at], &rest[at + BUNDLE.len()..]);
        let length = position
            .find(|c: char| !c.is_ascii_digit() && c != ':')
            .unwrap_or(position.len());
        let (position, after) = position.split_at(length);
        let Some(start) = before.rfind(SCHEME) else {
            rewritten.push_str(&rest[..at + BUNDLE.len()]);
            rest = &rest[at + BUNDLE.len()..];
            continue;
        };
        rewritten.push_str(&before[..start]);
        match locate(position, map) {
            Some(place) => rewritten.push_str(&place),
            None => {
                rewritten.push_str("bundle.js:");
                rewritten.push_str(position);
            }
        }
        rest = after;
    }
    rewritten.push_str(rest);
    rewritten
}

/// Returns the place in the sources of `<line>:<column>` in the bundle. Both count from 1.
fn locate(position: &str, map: Option<&SourceMap>) -> Option<String> {
    let (line, column) = position.split_once(':')?;
    let (line, column) = (line.parse::<u32>().ok()?, column.parse::<u32>().ok()?);
    let token = map?.lookup_token(line.checked_sub(1)?, column.checked_sub(1)?)?;
    let source = token.get_source()?;
    Some(format!(
        "{source}:{}:{}",
        token.get_src_line() + 1,
        token.get_src_col() + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str =
        r#"{"version":3,"sources":["index.ts"],"names":[],"mappings":"AAAA;AACA,SAAS"}"#;

    fn map() -> SourceMap {
        SourceMap::from_slice(MAP.as_bytes()).unwrap()
    }

    #[test]
    fn frames_of_the_bundle_name_the_upload() {
        let stack = "Error: boom\n    at handler (file:///a (b)/run/7/function/.bundle.js:2:1)\n    at file:///a/worker.js:1:2\n    at nativeMapped (ext:deno_http/00_serve.ts:1:13714)";
        let expected = "Error: boom\n    at handler (index.ts:2:1)";
        assert_eq!(rewrite(stack, Some(&map())), expected);
        let line = serde_json::json!({ "level": "ERROR", "args": [{ "stack": stack }, 1] });
        let logged = serde_json::json!({ "level": "ERROR", "args": [{ "stack": expected }, 1] });
        assert_eq!(
            rewrite_logged(&line.to_string(), Some(&map())),
            logged.to_string()
        );
    }

    #[test]
    fn other_text_is_unchanged() {
        for text in [
            "plain text",
            "function/.bundle.js:1:1",
            "{\"/function/.bundle.js:",
        ] {
            assert_eq!(rewrite_logged(text, Some(&map())), text);
        }
    }

    #[test]
    fn a_position_without_a_source_does_not_show_the_folder() {
        for (text, expected) in [
            (
                "at x (file:///a/function/.bundle.js:0:1)",
                "at x (bundle.js:0:1)",
            ),
            ("at file:///a/function/.bundle.js:9", "at bundle.js:9"),
            (
                "file:///a/function/.bundle.js:1:1 file:///a/function/.bundle.js:2:1",
                "index.ts:1:1 index.ts:2:1",
            ),
        ] {
            assert_eq!(rewrite_logged(text, Some(&map())), expected);
            assert!(!rewrite_logged(text, None).contains("file:"));
        }
    }
}
