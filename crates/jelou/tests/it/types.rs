//! `jelou types`: the names of secrets and the schemas of other functions, as TypeScript sees them.

use crate::support::{Outcome, Sandbox, Server, deno, function};

/// Checks the project's types like an editor does.
fn check(sandbox: &Sandbox) -> Outcome {
    sandbox.shell(&format!(
        "DENO_DIR=$HOME/deno NO_COLOR=1 {} check --no-lock --quiet index.ts",
        deno().display()
    ))
}

fn types(sandbox: &Sandbox, arguments: &str) -> Outcome {
    let written = sandbox.jelou(&format!("types {arguments}")).run();
    assert_eq!(written.code, 0, "{written}");
    written
}

fn started() -> Sandbox {
    let sandbox = Sandbox::new();
    let init = sandbox.jelou("init").run();
    assert_eq!(init.code, 0, "{init}");
    sandbox
}

#[test]
fn a_wrong_name_of_a_secret_is_a_type_error() {
    let sandbox = started();
    let uses = |name: &str| function(&format!("(_input, ctx): string => ctx.env.get(\"{name}\")"));
    let optional = function("(_input, ctx): string => ctx.env.get(\"ANY\") ?? \"none\"");
    sandbox.file("index.ts", &optional);
    let checked = check(&sandbox);
    assert_eq!(checked.code, 0, "without known names: {checked}");
    sandbox.file(".env", "CLAVE_API=x\nOTRA=y\n");
    let written = types(&sandbox, "");
    assert_eq!(written.json()["data"]["secrets"], 2, "{written}");
    sandbox.file("index.ts", uses("CLAVE_API"));
    let checked = check(&sandbox);
    assert_eq!(checked.code, 0, "{checked}");
    sandbox.file("index.ts", uses("CLAVE_AP"));
    let checked = check(&sandbox);
    assert_eq!(checked.code, 1, "{checked}");
    assert!(
        checked
            .to_string()
            .contains("'\"CLAVE_AP\"' is not assignable to parameter of type"),
        "{checked}"
    );
    // When a command writes the SDK again, the names stay.
    let tests = sandbox.jelou("test --help").run();
    assert_eq!(tests.code, 0, "{tests}");
    sandbox.file("secretos", "OTRO_NOMBRE=1\n");
    types(&sandbox, "--env secretos");
    assert!(
        sandbox
            .read(".jelou/types/project/secrets.d.ts")
            .contains("\"OTRO_NOMBRE\"")
    );
}

#[test]
fn functions_of_the_server_are_typed() {
    let sandbox = started();
    let server = Server::start(&sandbox);
    sandbox.deploy(
        "cotizador",
        "import { app, define, z } from \"@jelou/functions\";\n\
         export default app({ description: \"Quotes\", tools: { cotizar: define({\n\
           description: \"A quote */ of today\", input: z.object({ producto: z.string(), cantidad: z.number().optional() }),\n\
           output: z.object({ precio: z.number(), moneda: z.enum([\"USD\", \"EUR\"]) }), handler: () => ({ precio: 1, moneda: \"USD\" as const }) }) } });\n",
    );
    let written = types(&sandbox, "--remote");
    assert_eq!(written.json()["data"]["functions"], 1, "{written}");
    // `jelou types` without the server keeps the types of functions.
    types(&sandbox, "");
    let uses = |field: &str| {
        format!(
            "import type {{ FunctionInput, FunctionOutput }} from \"@jelou/functions\";\n\
             export const input: FunctionInput<\"cotizador\", \"cotizar\"> = {{ {field}: \"libro\" }};\n\
             export const price = (output: FunctionOutput<\"cotizador\", \"cotizar\">): number => output.precio;\n"
        )
    };
    sandbox.file("index.ts", uses("producto"));
    let checked = check(&sandbox);
    assert_eq!(checked.code, 0, "{checked}");
    sandbox.file("index.ts", uses("prodcuto"));
    let checked = check(&sandbox);
    assert_eq!(checked.code, 1, "{checked}");
    assert!(checked.to_string().contains("prodcuto"), "{checked}");
    server.stop();
}
