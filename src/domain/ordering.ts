// The order in which an endpoint gets its messages, and what becomes of an ordering key whose first delivery is out of attempts.

/** PER_KEY: messages of one ordering key one after the other, in the order of the log. STRICT: all messages. */
export const orderings = ['NONE', 'PER_KEY', 'STRICT'] as const;
export type Ordering = (typeof orderings)[number];

/** CONTINUE: the next delivery of the key has its turn. HOLD: the key waits until the failed one succeeds or a person cancels it. */
export const exhaustedActions = ['CONTINUE', 'HOLD'] as const;
export type OnExhausted = (typeof exhaustedActions)[number];
