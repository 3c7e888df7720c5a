/**
 * What started a run.
 *
 * @module
 */
/** An HTTP request, from outside or from another function. */
export interface HttpTrigger {
    /** The kind of trigger. */
    readonly type: "http";
}
/** A schedule of `config.cron`. */
export interface CronTrigger {
    /** The kind of trigger. */
    readonly type: "cron";
    /** The schedule's expression. */
    readonly cron: string;
    /** The schedule's name, if it has one. */
    readonly cronName?: string;
    /** The due time, in milliseconds since the Unix epoch. The run may have started later. */
    readonly scheduledTime?: number;
}
/** An event of the platform. */
export interface EventTrigger {
    /** The kind of trigger. */
    readonly type: "event";
    /** The event. */
    readonly event: unknown;
}
/** What started a run. Its `type` says which kind of trigger it is. */
export type Trigger = HttpTrigger | CronTrigger | EventTrigger;
