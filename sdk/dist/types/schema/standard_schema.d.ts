/**
 * The Standard Schema interface (specification 1.1), which Zod, Valibot and ArkType all implement.
 *
 * It is a copy of the types, so that the SDK accepts schemas of these libraries without depending on one.
 *
 * @module
 */
/** A schema of any library that implements Standard Schema. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
    /** The Standard Schema properties. */
    readonly "~standard": StandardSchemaProps<Input, Output>;
}
/** The value of a schema's `~standard` property. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
    /** The version of the specification. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Validates an unknown value. May be asynchronous. */
    readonly validate: (value: unknown, options?: any) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Only for the type checker. Does not exist at run time. */
    readonly types?: {
        readonly input: Input;
        readonly output: Output;
    } | undefined;
}
/** The result of a validation: a value, or a list of issues. */
export type StandardResult<Output> = {
    readonly value: Output;
    readonly issues?: undefined;
} | {
    readonly issues: ReadonlyArray<StandardIssue>;
};
/** One reason why a value was refused. */
export interface StandardIssue {
    /** A message for humans. */
    readonly message: string;
    /** The path of the wrong part inside the value. */
    readonly path?: ReadonlyArray<PropertyKey | {
        readonly key: PropertyKey;
    }> | undefined;
}
/** The type of the values that a schema accepts. */
export type InferInput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["input"];
/** The type of the values that a schema returns. */
export type InferOutput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["output"];
