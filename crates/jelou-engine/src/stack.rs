//! Leads the stack traces of a bundle back to the files that the developer wrote.

use sourcemap::SourceMap;

/// Rewrites the frames of the bundle (a `blob:` URL) to the upload's own files, lines and columns, and leaves out the
/// frames of the platform. A frame that the map does not know stays as it is.
pub(crate) fn rewrite(text: &str, source_map: &str) -> String {
    let Ok(map) = SourceMap::from_slice(source_map.as_bytes()) else {
        return text.to_owned();
    };
    text.lines()
        .filter(|line| !is_platform_frame(line))
        .map(|line| rewrite_line(line, &map))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_platform_frame(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("at ") && (line.contains("/worker.js:") || line.contains("ext:"))
}

fn rewrite_line(line: &str, map: &SourceMap) -> String {
    let Some(start) = line.find("blob:") else {
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

/// `blob:null/<uuid>:<line>:<column>`, both counted from one.
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

    #[test]
    fn frames_of_the_bundle_name_the_upload() {
        let stack = "Error: boom\n    at handler (blob:null/abc:2:1)\n    at file:///a/worker.js:1:2\n    at nativeMapped (ext:deno_http/00_serve.ts:1:13714)";
        assert_eq!(
            rewrite(stack, MAP),
            "Error: boom\n    at handler (index.ts:2:1)"
        );
    }

    #[test]
    fn what_is_not_a_frame_stays() {
        assert_eq!(rewrite("plain text", MAP), "plain text");
        assert_eq!(
            rewrite("at x (blob:null/abc:9999:1)", "{"),
            "at x (blob:null/abc:9999:1)"
        );
    }
}
