//! Makes a JavaScript module for each imported WebAssembly module.

use std::fmt::Write;

use wasmparser::{Parser, Payload};

/// Returns a JavaScript module that instantiates the WebAssembly module in `file` and exports its exports
/// (WebAssembly/ES module integration). Returns `None` if the bytes are not a module.
pub(super) fn module(bytes: &[u8], file: &str) -> Option<String> {
    let (imports, exports) = names(bytes)?;
    let mut code = format!("import $bytes from {file:?} with {{ type: \"bytes\" }};\n");
    let mut objects = String::new();
    for (index, name) in imports.iter().enumerate() {
        let name = serde_json::Value::from(*name);
        writeln!(code, "import * as $import{index} from {name};").ok()?;
        write!(objects, "{name}: $import{index}, ").ok()?;
    }
    writeln!(
        code,
        "const $instance = new WebAssembly.Instance(new WebAssembly.Module($bytes), {{ {objects}}});"
    )
    .ok()?;
    for (index, name) in exports.iter().enumerate() {
        let name = serde_json::Value::from(*name);
        writeln!(
            code,
            "const $export{index} = $instance.exports[{name}];\nexport {{ $export{index} as {name} }};"
        )
        .ok()?;
    }
    Some(code)
}

/// Returns the modules of the imports, each once, and the names of the exports.
fn names(bytes: &[u8]) -> Option<(Vec<&str>, Vec<&str>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let module = import.ok()?.module;
                    if !imports.contains(&module) {
                        imports.push(module);
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export.ok()?.name);
                }
            }
            _ => {}
        }
    }
    Some((imports, exports))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exports `add`, and imports a function and a memory from `./env.js`.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\
        \x02\x1e\x02\x08./env.js\x01f\0\0\x08./env.js\x03mem\x02\0\x01\
        \x07\x07\x01\x03add\0\x01";

    #[test]
    fn names_of_a_module() {
        let (imports, exports) = names(MODULE).unwrap();
        assert_eq!((imports, exports), (vec!["./env.js"], vec!["add"]));
        let code = module(MODULE, "./add.wasm").unwrap();
        assert!(
            code.contains("import * as $import0 from \"./env.js\";"),
            "{code}"
        );
        assert!(code.contains("export { $export0 as \"add\" };"), "{code}");
    }

    #[test]
    fn other_bytes_are_not_a_module() {
        assert!(names(b"text").is_none());
        assert!(names(&MODULE[..MODULE.len() - 1]).is_none());
        assert!(names(&MODULE[..12]).is_none());
    }
}
