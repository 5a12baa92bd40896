// The port: what the rest of Hookledger knows about the log. Adapters live in folders of their own.
import type { ConfigurationEvent, DomainEvent } from '../domain/catalog.ts';
import type { Position } from '../domain/ids.ts';

/** Who caused an event and what it follows from. */
export type Metadata = {
  /** `apikey:<name>` or `system:<part>` */
  readonly actor: string;
  readonly correlationId?: string;
  /** The id of the event, or of the command, that this one follows from. */
  readonly causationId?: string;
};

/** `id` is a UUID that is the same whenever the same command is carried out again. */
export type NewEvent<E extends DomainEvent = DomainEvent> = E & { readonly id: string; readonly metadata: Metadata };

export type RecordedEvent<E extends DomainEvent = DomainEvent> = NewEvent<E> & {
  readonly stream: string;
  /** 0 for the first event of a stream. */
  readonly revision: number;
  readonly position: Position;
  /** ISO 8601 in UTC with milliseconds. Of an event that was copied here: when it was recorded first. */
  readonly recordedAt: string;
  /** Where it stood in the logs that this one is a copy of, the first one first. */
  readonly copiedFrom?: readonly Position[];
};

/** The revision that a stream must have for a write to be taken: never "any". */
export type ExpectedRevision = number | 'no-stream';

export type Write = {
  readonly stream: string;
  readonly expectedRevision: ExpectedRevision;
  readonly events: readonly NewEvent[];
  /** The stream's name was made for this write, so that nobody else can have written to it. A log may then save itself looking. */
  readonly isNew?: boolean;
};

export type Appended = {
  /** Of the write's last event. */
  readonly revision: number;
  readonly position: Position;
  /**
   * The events had been there already: the same write was carried out before. Of a log that several processes write, this may be false for
   * what another one wrote a moment ago.
   */
  readonly deduplicated: boolean;
};

/** The categories of the streams that hold configuration. */
export const configurationCategories = ['organization', 'apikey', 'endpoint'] as const;

export interface EventStore {
  /**
   * Appends all writes or none, and answers in their order when they are durable (fsync). Several streams at once, at most one write each;
   * a write may have up to 900 kB. How far "or none" holds for several streams is the adapter's to say.
   * A write whose events stand already at the revisions it asks for, under the same ids, succeeds as `deduplicated`.
   * @throws WrongExpectedRevision naming every stream that is elsewhere; nothing was written.
   * @throws LogUnavailable when the log can't be written now. The outcome may be unknown: repeat exactly the same call.
   */
  append(writes: readonly Write[]): Promise<readonly Appended[]>;

  /** The events of one stream with `from` ≤ revision ≤ `upTo`, oldest first; empty when there is no such stream. */
  readStream(stream: string, range?: { readonly from?: number; readonly upTo?: number }): Promise<readonly RecordedEvent[]>;

  /**
   * Every event after a position (`undefined`: from the start), in log order, in batches of 1..`batchSize`, for ever. Ends when `signal`
   * aborts; reconnects by itself. A consumer that is slow delays nobody and costs no memory: it is read for when it asks.
   * @throws UndecodableEvent at an event that this version cannot read, after everything before it was delivered.
   */
  follow(
    after: Position | undefined,
    options: { readonly signal: AbortSignal; readonly batchSize?: number },
  ): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * As `follow`, but only the events of organizations, API keys and endpoints, which are few and found by an index. An event that this version
   * can't read is given as its UndecodableEvent, in its place, and does not end the iteration. An empty batch says, once, that the end of the
   * log was reached.
   */
  followConfiguration(
    after: Position | undefined,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<readonly (RecordedEvent<ConfigurationEvent> | UndecodableEvent)[]>;

  /** The position of the last event, or undefined while the log is empty. */
  tip(): Promise<Position | undefined>;

  close(): Promise<void>;
}

export type RevisionConflict = { readonly stream: string; readonly expected: ExpectedRevision; readonly actual: ExpectedRevision };

export class WrongExpectedRevision extends Error {
  override name = 'WrongExpectedRevision';
  constructor(readonly conflicts: readonly RevisionConflict[]) {
    super(conflicts.map(({ stream, expected, actual }) => `${stream}: expected ${expected}, found ${actual}`).join('; '));
  }
}

/** The log can't be written or read just now: a full disk, a server that is away. Worth trying again after `retryAfterSeconds`. */
export class LogUnavailable extends Error {
  override name = 'LogUnavailable';
  constructor(
    message: string,
    readonly retryAfterSeconds = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The log can't be opened: not ours, damaged, or in use by another process. The message says what to do. */
export class LogUnusable extends Error {
  override name = 'LogUnusable';
}

/** A stream was deleted or cut on the server, which Hookledger never does: its history is incomplete. The message says what to do. */
export class StreamDamaged extends Error {
  override name = 'StreamDamaged';
}

export class UndecodableEvent extends Error {
  override name = 'UndecodableEvent';
  constructor(
    readonly position: Position,
    readonly stream: string,
    readonly type: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The event at position ${position} (${type} in ${stream}) can't be read: ${reason}`, options);
  }
}
