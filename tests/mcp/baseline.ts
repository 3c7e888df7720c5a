/**
 * The checks of the conformance suite that fail or warn, with the reason why that is correct. In a listed scenario,
 * exactly these checks must fail or warn. All other scenarios must pass.
 *
 * @module
 */

/** The checks of a scenario that do not pass, and the reason. */
export interface Expected {
  readonly reason: string;
  /** The checks that fail or warn. */
  readonly checks: readonly string[];
}

const COMPLETION = "completions belong to prompts and resources, and a function has neither";
const COMPOSITION = "model APIs refuse compositions at the root of an input; OpenAPI has the exact schema";
const INPUT = "a tool answers in one round: a handler cannot ask the client for more input";
const PROGRESS = "an answer is one JSON document: nothing is sent before the result";
const PROMPTS = "a function has tools, no prompts";
const RESOURCES = "a function has tools, no resources";
const SERVER_REQUESTS = "needs requests from the server to the client, and so a session, which there is not";

const fails = (reason: string, ...checks: string[]): Expected => ({ reason, checks });

/** Scenarios that are the same for all revisions. */
const COMMON = {
  "completion-complete": fails(COMPLETION, "completion-complete"),
  "prompts-get-embedded-resource": fails(PROMPTS, "prompts-get-embedded-resource"),
  "prompts-get-simple": fails(PROMPTS, "prompts-get-simple"),
  "prompts-get-with-args": fails(PROMPTS, "prompts-get-with-args"),
  "prompts-get-with-image": fails(PROMPTS, "prompts-get-with-image"),
  "prompts-list": fails(PROMPTS, "prompts-list"),
  "resources-list": fails(RESOURCES, "resources-list"),
  "resources-read-binary": fails(RESOURCES, "resources-read-binary"),
  "resources-read-text": fails(RESOURCES, "resources-read-text"),
  "resources-templates-read": fails(RESOURCES, "resources-templates-read"),
  "tools-call-with-progress": fails(PROGRESS, "tools-call-with-progress"),
};

/** Expected results by revision and scenario. */
export const BASELINE: Readonly<Record<string, Readonly<Record<string, Expected>>>> = {
  "2026-07-28": {
    ...COMMON,
    "caching": fails(
      "of the lists only that of the tools is there",
      "sep-2549-prompts-list-caching-hints",
      "sep-2549-resources-list-caching-hints",
      "sep-2549-resources-templates-list-caching-hints",
    ),
    "input-required-result-basic-elicitation": fails(INPUT, "sep-2322-elicitation-incomplete"),
    "input-required-result-basic-list-roots": fails(INPUT, "sep-2322-list-roots-incomplete"),
    "input-required-result-basic-sampling": fails(INPUT, "sep-2322-sampling-incomplete"),
    "input-required-result-capability-check": fails(INPUT, "sep-2322-respect-client-capabilities"),
    "input-required-result-ignore-extra-params": fails(INPUT, "sep-2322-ignore-unexpected-params"),
    "input-required-result-missing-input-response": fails(INPUT, "sep-2322-missing-response-rerequests"),
    "input-required-result-multi-round": fails(INPUT, "sep-2322-multi-round-r1"),
    "input-required-result-multiple-input-requests": fails(INPUT, "sep-2322-multiple-inputs-incomplete"),
    "input-required-result-non-tool-request": fails(PROMPTS, "sep-2322-non-tool-incomplete"),
    "input-required-result-request-state": fails(INPUT, "sep-2322-request-state-incomplete"),
    "input-required-result-result-type": fails(INPUT, "sep-2322-result-type-included"),
    "input-required-result-tampered-state": fails(INPUT, "sep-2322-reject-tampered-state"),
    "json-schema-2020-12": fails(COMPOSITION, "sep-2106-composition-keywords-preserved"),
    "sep-2164-resource-not-found": fails(RESOURCES, "sep-2164-error-code", "sep-2164-data-uri"),
    "server-stateless": fails(
      "no tool needs a capability of the client, so none can be missing",
      "sep-2575-server-rejects-undeclared-capability",
      "sep-2575-missing-capability-http-400",
    ),
  },
  "2025-11-25": {
    ...COMMON,
    "elicitation-sep1034-defaults": fails(SERVER_REQUESTS, "elicitation-sep1034-general"),
    "elicitation-sep1330-enums": fails(SERVER_REQUESTS, "elicitation-sep1330-general"),
    "logging-set-level": fails(SERVER_REQUESTS, "logging-set-level"),
    "resources-subscribe": fails(RESOURCES, "resources-subscribe"),
    "resources-unsubscribe": fails(RESOURCES, "resources-unsubscribe"),
    "server-sse-multiple-streams": fails(
      "warns of any server without sessions, and checks no more",
      "server-sse-multiple-streams-session",
    ),
    "server-sse-polling": fails(
      "warns of any server without sessions, and checks no more",
      "server-sse-polling-session",
    ),
    "tools-call-elicitation": fails(SERVER_REQUESTS, "tools-call-elicitation"),
    "tools-call-sampling": fails(SERVER_REQUESTS, "tools-call-sampling"),
    "tools-call-with-logging": fails(SERVER_REQUESTS, "tools-call-with-logging"),
  },
};

/** Matches scenarios of extensions that the server does not offer. They are not checked. */
export const NOT_OFFERED = /^tasks-/;
