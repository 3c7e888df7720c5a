/**
 * Who is behind a request, as far as the platform knows.
 *
 * @module
 */
/** A company of the platform. */
export interface Company {
    /** Its id. */
    readonly id: string;
    /** Its name. */
    readonly name: string;
}
/** A bot. */
export interface Bot {
    /** Its id. */
    readonly id: string;
    /** Its name. */
    readonly name: string;
    /** The channel that it answers on, e.g. `"whatsapp"`. */
    readonly channel: string;
}
/** A person who talks to a bot. */
export interface User {
    /** Its id. */
    readonly id: string;
    /** Names, as far as known. */
    readonly names?: string;
    /** The room of the conversation. */
    readonly roomId?: string;
}
/** A conversation. */
export interface Conversation {
    /** Its id. */
    readonly id: string;
    /** Whatever else the platform tells. */
    readonly [key: string]: unknown;
}
/** A human operator. */
export interface Operator {
    /** Its id. */
    readonly id: string;
    /** Whatever else the platform tells. */
    readonly [key: string]: unknown;
}
