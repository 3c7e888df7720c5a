//! Maps stack traces from the bundle to the developer's source files.

use serde_json::Value;
use sourcemap::SourceMap;

/// How the URL of a bundle begins.
const BUNDLE: &str = "blob:";

/// Whether the text may contain frames of a bundle.
pub(crate) fn has_frames(text: &str) -> bool {
    text.contains(BUNDLE)
}

/// Maps frames of the bundle to files, lines and columns of the upload. Removes frames of the platform. Frames without
/// a mapping stay unchanged.
pub(crate) fn rewrite(text: &str, map: &SourceMap) -> String {
    text.lines()
        .filter(|line| !is_platform_frame(line))
        .map(|line| rewrite_line(line, map))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Like [`rewrite`], for a log line. In a JSON line of the SDK, each string is rewritten separately.
pub(crate) fn rewrite_logged(line: &str, map: &SourceMap) -> String {
    match serde_json::from_str(line) {
        Ok(mut value) => {
            rewrite_texts(&mut value, map);
            value.to_string()
        }
        Err(_) => rewrite(line, map),
    }
}

fn rewrite_texts(value: &mut Value, map: &SourceMap) {
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

fn rewrite_line(line: &str, map: &SourceMap) -> String {
    let Some(start) = line.find(BUNDLE) else {
        return line.to_owned();
    };
    let length = line[start..]
        .find([')', ' ', '"'])
        .unwrap_or(line.len() - start);
    let location = &line[start..start + length];
    match locate(location, map) {
        Some(place) => format!("{}{place}{}", &line[..start], &line[start + length..]),
        None => line.to_owned(),
    }
}

/// `blob:null/<uuid>:<line>:<column>`; line and column count from 1.
fn locate(location: &str, map: &SourceMap) -> Option<String> {
    let (rest, column) = location.rsplit_once(':')?;
    let (_, line) = rest.rsplit_once(':')?;
    let (line, column) = (line.parse::<u32>().ok()?, column.parse::<u32>().ok()?);
    let token = map.lookup_token(line.checked_sub(1)?, column.checked_sub(1)?)?;
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
        let stack = "Error: boom\n    at handler (blob:null/abc:2:1)\n    at file:///a/worker.js:1:2\n    at nativeMapped (ext:deno_http/00_serve.ts:1:13714)";
        let expected = "Error: boom\n    at handler (index.ts:2:1)";
        assert_eq!(rewrite(stack, &map()), expected);
        let line = serde_json::json!({ "level": "ERROR", "args": [{ "stack": stack }, 1] });
        let logged = serde_json::json!({ "level": "ERROR", "args": [{ "stack": expected }, 1] });
        assert_eq!(
            rewrite_logged(&line.to_string(), &map()),
            logged.to_string()
        );
    }

    #[test]
    fn what_is_not_a_frame_stays() {
        for text in ["plain text", "at x (blob:null/abc:0:1)", "{\"blob:"] {
            assert_eq!(rewrite_logged(text, &map()), text);
        }
    }
}
