// The faults that a test can make the double of a log server have.
export class Faults {
  /** Appends are written, but answered only after this is switched off. */
  holdAnswers = false;
  /** This many of the next appends are written and never answered. */
  loseAnswers = 0;
  /** This many of the next answers are sent twice. */
  repeatAnswers = 0;
  /** This many of the next repeated appends time out, as on a server that has not replicated the first one yet. */
  dropRepeats = 0;
  /** Appends are answered as by a server that is starting or electing a leader. */
  notReady = false;
  /** Appends end their call with the error that another node is the leader. */
  notLeader: { readonly address: string; readonly port: number } | undefined;
  /** Stream reads have no positions, as on servers before 22.6. */
  withoutPositions = false;
  /** Subscriptions don't report that they have caught up, as on servers before 23.10. */
  withoutCaughtUp = false;
  /** A live subscription is dropped when this many events wait for it. */
  mostUnread = 4_000;
  /** Answers to repeated appends have no position, as if the first write were not indexed yet. */
  repeatsWithoutPosition = false;
  /** If set, only this user is let in. */
  user: { readonly name: string; readonly password: string; readonly mayReadAll: boolean } | undefined;
}

/** The calls that the double has received. */
export type Counts = {
  appends: number;
  /** Received and not answered yet. */
  unanswered: number;
  mostUnanswered: number;
  streamReads: number;
  allReads: number;
  subscriptions: number;
  /** Events that subscriptions looked at, whether they sent them or not. */
  searched: number;
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
  searched: 0,
  openReads: 0,
});
