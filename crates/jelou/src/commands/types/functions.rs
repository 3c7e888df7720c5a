//! The input and output types of the server's functions.

use std::fmt::Write as _;
use std::path::Path;

use jelou_client::Client;
use jelou_core::api::ToolSummary;

use super::{quoted, schema};
use crate::commands::init::sdk;

/// Writes the types of every function that the access token can read. Returns the number of functions.
pub(super) fn write(dir: &Path, client: &Client) -> anyhow::Result<usize> {
    let mut count = 0;
    let mut text =
        "/** The live functions of the server. */\nexport interface Functions {\n".to_owned();
    for function in client.functions().list()? {
        let Some(live) = function.live_deployment else {
            continue;
        };
        let deployment = client.deployments(&function.slug).get(&live)?;
        let _ = writeln!(text, "  readonly {}: {{", quoted(function.slug.as_str()));
        for tool in &deployment.tools {
            declare(&mut text, tool);
        }
        text.push_str("  };\n");
        count += 1;
    }
    text.push_str("}\n");
    super::write(dir, sdk::FUNCTIONS, &text)?;
    Ok(count)
}

fn declare(text: &mut String, tool: &ToolSummary) {
    let [input, output] = [&tool.input_schema, &tool.output_schema].map(|schema| {
        schema
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), schema::to_typescript)
    });
    let description = tool.description.replace("*/", "* /").replace('\n', " ");
    let _ = writeln!(
        text,
        "    /** {description} */\n    readonly {}: {{ readonly input: {input}; readonly output: {output} }};",
        quoted(&tool.name)
    );
}
