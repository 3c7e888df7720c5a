//! Imports of WebAssembly modules: the names that a module imports and exports, and a JavaScript module with them.

use std::fmt::Write;

/// The sections that list names (WebAssembly core specification, 5.5).
const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;

/// A JavaScript module that instantiates the WebAssembly module beside it and exports its exports (WebAssembly/ES
/// module integration). `None` if the bytes are not a module.
pub(super) fn module(bytes: &[u8], file: &str) -> Option<String> {
    let (imports, exports) = names(bytes)?;
    let mut code = format!("import $bytes from {file:?} with {{ type: \"bytes\" }};\n");
    let mut objects = String::new();
    for (index, name) in imports.iter().enumerate() {
        let name = serde_json::Value::from(name.as_str());
        writeln!(code, "import * as $import{index} from {name};").ok()?;
        write!(objects, "{name}: $import{index}, ").ok()?;
    }
    writeln!(
        code,
        "const $instance = new WebAssembly.Instance(new WebAssembly.Module($bytes), {{ {objects}}});"
    )
    .ok()?;
    for (index, name) in exports.iter().enumerate() {
        let name = serde_json::Value::from(name.as_str());
        writeln!(
            code,
            "const $export{index} = $instance.exports[{name}];\nexport {{ $export{index} as {name} }};"
        )
        .ok()?;
    }
    Some(code)
}

/// The modules of the imports, each once, and the names of the exports.
fn names(bytes: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
    let mut rest = Reader(bytes.strip_prefix(b"\0asm\x01\0\0\0")?);
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    while !rest.0.is_empty() {
        let section = rest.byte()?;
        let length = rest.number()?;
        let mut content = Reader(rest.take(length)?);
        match section {
            IMPORTS => {
                for _ in 0..content.number()? {
                    let module = content.name()?;
                    content.name()?;
                    content.skip_type()?;
                    if !imports.contains(&module) {
                        imports.push(module);
                    }
                }
            }
            EXPORTS => {
                for _ in 0..content.number()? {
                    exports.push(content.name()?);
                    content.byte()?;
                    content.number()?;
                }
            }
            _ => {}
        }
    }
    Some((imports, exports))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Option<usize> {
        let mut number = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(number).ok();
            }
        }
        None
    }

    fn name(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn skip_limits(&mut self) -> Option<()> {
        let has_maximum = self.byte()? & 1 == 1;
        self.number()?;
        if has_maximum {
            self.number()?;
        }
        Some(())
    }

    /// The type of an import.
    fn skip_type(&mut self) -> Option<()> {
        match self.byte()? {
            // A function.
            0 => self.number().map(drop),
            // A table, with the type of its elements.
            1 => {
                self.byte()?;
                self.skip_limits()
            }
            // A memory.
            2 => self.skip_limits(),
            // A global, with its type and whether it can change.
            3 => self.take(2).map(drop),
            // A tag.
            4 => {
                self.byte()?;
                self.number().map(drop)
            }
            _ => None,
        }
    }
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
        assert_eq!(
            (imports, exports),
            (vec!["./env.js".to_owned()], vec!["add".to_owned()])
        );
        let code = module(MODULE, "./add.wasm").unwrap();
        assert!(
            code.contains("import * as $import0 from \"./env.js\";"),
            "{code}"
        );
        assert!(code.contains("export { $export0 as \"add\" };"), "{code}");
    }

    #[test]
    fn other_bytes_are_no_module() {
        assert!(names(b"text").is_none());
        assert!(names(&MODULE[..MODULE.len() - 1]).is_none());
        assert!(names(&MODULE[..12]).is_none());
    }
}
