/**
 * The Standard Schema interface (specification 1.1), the one thing that Zod, Valibot and ArkType agree on.
 *
 * Copied as types so that the SDK accepts a schema of any of them without depending on any.
 *
 * @module
 */
/** A schema of any library that speaks Standard Schema. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
    /** The Standard Schema properties. */
    readonly "~standard": StandardSchemaProps<Input, Output>;
}
/** What a Standard Schema carries. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
    /** The version of the specification. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Validates an unknown value; may be asynchronous. */
    readonly validate: (value: unknown, options?: any) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** Types only; never present at run time. */
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
    /** The text for a human. */
    readonly message: string;
    /** Where in the value. */
    readonly path?: ReadonlyArray<PropertyKey | {
        readonly key: PropertyKey;
    }> | undefined;
}
/** The type that a schema takes in. */
export type InferInput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["input"];
/** The type that a schema gives out. */
export type InferOutput<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["output"];
