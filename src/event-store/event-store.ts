// The port: how the rest of Hookledger uses the log. Each adapter has its own folder.
import type { ConfigurationEvent, DomainEvent } from '../domain/catalog.ts';
import { fold, type Decider } from '../domain/decider.ts';
import type { Position } from '../domain/ids.ts';

/** Who caused an event and what it follows from. */
export type Metadata = {
  /** `apikey:<name>` or `system:<part>` */
  readonly actor: string;
  /** The id of the API key that acted. Names of keys may be used again; ids are not. */
  readonly actorId?: string;
  readonly correlationId?: string;
  /** The id of the event or command that caused this one. */
  readonly causationId?: string;
};

/** `id` is a UUID. A repeated command gives its events the same ids. */
export type NewEvent<E extends DomainEvent = DomainEvent> = E & { readonly id: string; readonly metadata: Metadata };

export type RecordedEvent<E extends DomainEvent = DomainEvent> = NewEvent<E> & {
  readonly stream: string;
  /** 0 for the first event of a stream. */
  readonly revision: number;
  readonly position: Position;
  /** ISO 8601 in UTC with milliseconds. For a copied event: when it was first recorded. */
  readonly recordedAt: string;
  /** Its positions in the logs that this log is a copy of, oldest log first. */
  readonly copiedFrom?: readonly Position[];
};

/** The state of an aggregate after the events of its stream, which holds no other events. */
export const foldStream = <E extends DomainEvent, S>(
  decider: Pick<Decider<never, E, S>, 'initial' | 'evolve'>,
  recorded: readonly RecordedEvent[],
): S => fold(decider, recorded as readonly RecordedEvent<E>[]);

/** The revision that the stream must have, or the write is refused; never "any". */
export type ExpectedRevision = number | 'no-stream';

export type Write = {
  readonly stream: string;
  readonly expectedRevision: ExpectedRevision;
  readonly events: readonly NewEvent[];
  /** The stream's name was generated for this write, so nobody else can have written to it, and the log need not check. */
  readonly isNew?: boolean;
};

export type Appended = {
  /** The revision of the write's last event. */
  readonly revision: number;
  readonly position: Position;
  /**
   * The log held the events already, from an earlier call. If several processes write the log, this may be false for events that another process
   * wrote a moment ago.
   */
  readonly deduplicated: boolean;
};

/** The categories of streams that hold configuration. */
export const configurationCategories = ['organization', 'apikey', 'endpoint'] as const;

export interface EventStore {
  /**
   * Appends all writes or none, and resolves, in their order, when they are durable (fsync). At most one write per stream, and up to 900 kB per
   * write. Each adapter says how far "or none" holds across several streams.
   * A write whose events the log already holds, with the same ids at the same revisions, succeeds as `deduplicated`.
   * @throws WrongExpectedRevision with every stream that has another revision; nothing was written
   * @throws LogUnavailable if the log can't be written now. The outcome may be unknown: repeat exactly the same call
   */
  append(writes: readonly Write[]): Promise<readonly Appended[]>;

  /** The events of one stream with `from` ≤ revision ≤ `upTo`, oldest first; none if there is no such stream. */
  readStream(stream: string, range?: { readonly from?: number; readonly upTo?: number }): Promise<readonly RecordedEvent[]>;

  /**
   * Yields every event after a position (`undefined`: from the start), in log order, in batches of 1..`batchSize`, for ever. Ends when `signal`
   * aborts; reconnects by itself. A slow consumer delays nobody and costs no memory: events are read when it asks for them.
   * @throws UndecodableEvent at an event that this version can't read, after delivering everything before it
   */
  follow(
    after: Position | undefined,
    options: { readonly signal: AbortSignal; readonly batchSize?: number },
  ): AsyncIterable<readonly RecordedEvent[]>;

  /**
   * Like `follow`, but yields only the events of organizations, API keys and endpoints, which are few and found by an index. An event that this
   * version can't read is yielded as its UndecodableEvent, in its place, and does not end the iteration. One empty batch says that the end of the
   * log has been reached.
   */
  followConfiguration(
    after: Position | undefined,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<readonly (RecordedEvent<ConfigurationEvent> | UndecodableEvent)[]>;

  /** The position of the last event; undefined while the log is empty. */
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

/** The log can't be written or read now, because a disk is full or a server is unavailable. Retry after `retryAfterSeconds`. */
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

/** The log can't be opened: it is not Hookledger's, damaged, or in use by another process. The message says what to do. */
export class LogUnusable extends Error {
  override name = 'LogUnusable';
}

/** A stream was deleted or truncated on the server, which Hookledger never does, so its history is incomplete. The message says what to do. */
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

/** Catches bugs of the caller, before anything is sent to any log. @throws TypeError naming the stream and what is wrong */
export const checkWrites = (writes: readonly Write[]): void => {
  const streams = new Set<string>();
  for (const { stream, expectedRevision, events } of writes) {
    if (stream === '') throw new TypeError('A write needs a stream name.');
    if (streams.has(stream)) throw new TypeError(`${stream}: an append can have only one write per stream; put the events into one write.`);
    streams.add(stream);
    if (events.length === 0) throw new TypeError(`${stream}: a write needs at least one event.`);
    if (expectedRevision !== 'no-stream' && !(Number.isSafeInteger(expectedRevision) && expectedRevision >= 0))
      throw new TypeError(`${stream}: ${expectedRevision} is not a valid expected revision; give 0 or more, or "no-stream".`);
  }
};
