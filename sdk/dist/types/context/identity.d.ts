/**
 * The company, the bot and the people behind a request, as far as the platform knows them.
 *
 * @module
 */
/** A company on the platform. */
export interface Company {
    /** The company's id. */
    readonly id: string;
    /** The company's name. */
    readonly name: string;
}
/** A bot. */
export interface Bot {
    /** The bot's id. */
    readonly id: string;
    /** The bot's name. */
    readonly name: string;
    /** The channel on which the bot answers, e.g. `"whatsapp"`. */
    readonly channel: string;
}
/** A person who talks to a bot. */
export interface User {
    /** The person's id. */
    readonly id: string;
    /** The person's names, if known. */
    readonly names?: string;
    /** The id of the room in which the person talks to the bot. */
    readonly roomId?: string;
}
/** A conversation. */
export interface Conversation {
    /** The conversation's id. */
    readonly id: string;
    /** Further fields that the platform sends. */
    readonly [key: string]: unknown;
}
/** A human operator. */
export interface Operator {
    /** The operator's id. */
    readonly id: string;
    /** Further fields that the platform sends. */
    readonly [key: string]: unknown;
}
