// What can be made to go wrong with the double of a log server. A test sets it; the services look at it.
export class Faults {
  /** Appends are written, and answered when this is lifted. */
  holdAnswers = false;
  /** So many of the next appends are written and never answered. */
  loseAnswers = 0;
  /** So many of the next answers come a second time. */
  repeatAnswers = 0;
  /** So many of the next repeated appends are not answered, as while the first is not replicated: the server gives up after a while. */
  dropRepeats = 0;
  /** Appends are answered as by a server that starts, or elects. */
  notReady = false;
  /** Appends end their call with the word that another node leads. */
  notLeader: { readonly address: string; readonly port: number } | undefined;
  /** Stream reads have no positions, as before 22.6. */
  withoutPositions = false;
  /** Subscriptions that have caught up say neither that nor where, as before 23.10. */
  withoutCaughtUp = false;
  /** A live subscription that does not read is dropped when so much waits for it. */
  mostUnread = 4_000;
  /** Idempotent answers have no position, as when the first write is not indexed. */
  repeatsWithoutPosition = false;
  /** Users may be named; without one nobody is asked. */
  user: { readonly name: string; readonly password: string; readonly mayReadAll: boolean } | undefined;
}

/** What was asked of it so far. */
export type Counts = {
  appends: number;
  /** On their way now. */
  unanswered: number;
  mostUnanswered: number;
  streamReads: number;
  allReads: number;
  subscriptions: number;
  /** Reads and subscriptions that are open now. */
  openReads: number;
};
export const noCounts = (): Counts => ({
  appends: 0,
  unanswered: 0,
  mostUnanswered: 0,
  streamReads: 0,
  allReads: 0,
  subscriptions: 0,
  openReads: 0,
});
