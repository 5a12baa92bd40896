// The thread that talks to the log server: the only file that knows the client package. Why a thread of its own: the package keeps the appends
// on their way in one place for the whole module, so that two servers in one module break each other; a server that answers wrongly makes it
// throw where nobody can catch it; and after some failures it never appends again. A thread has a module of its own, and can be replaced.
// Node may run this file by stripping its types, so they must be erasable.
import { parentPort, workerData } from 'node:worker_threads';
import {
  BACKWARDS,
  END,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  START,
  streamNameFilter,
  type AllStreamSubscription,
  type JSONType,
  type ReadPosition,
  type RecordedEvent,
  type StreamingRead,
} from '@eventstore/db-client';
import type { Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';
import type { Certificates, Connection } from './connection.ts';
import { toPosition, toServerPosition } from './positions.ts';

/** Streams here have the names that they have on the server. */
export type ClientOptions = { readonly connection: Connection; readonly certificates: Certificates };

/** `events` holds four strings for each event: id, type, data, metadata. `expected` is -1 for no stream. */
export type EncodedWrite = readonly [stream: string, expected: number, events: readonly string[]];

export type StreamRange = { readonly stream: string; readonly from: number | 'end'; readonly count: number; readonly backwards?: boolean };
export type SubscriptionRequest = { readonly after: Position | undefined; readonly prefixes: readonly string[]; readonly window: number };
/** One page of the whole log, backwards from `before` (the end where there is none), not further than `after`. */
export type LastEventSearch = {
  readonly prefixes: readonly string[];
  readonly before: Position | undefined;
  readonly after: Position;
  readonly count: number;
};
export type CountRequest = { readonly prefixes: readonly string[]; readonly after: Position | undefined; readonly upTo: Position };

/** Every call has a number; its answer has the same. */
export type ToClient =
  | { readonly kind: 'append'; readonly call: number; readonly write: EncodedWrite }
  | { readonly kind: 'read'; readonly call: number; readonly range: StreamRange }
  | { readonly kind: 'read-at'; readonly call: number; readonly position: Position }
  | { readonly kind: 'find-last'; readonly call: number; readonly find: LastEventSearch }
  | { readonly kind: 'count'; readonly call: number; readonly count: CountRequest }
  | { readonly kind: 'follow'; readonly call: number; readonly follow: SubscriptionRequest }
  | { readonly kind: 'taken'; readonly call: number; readonly bytes: number }
  | { readonly kind: 'unfollow'; readonly call: number };

/** An error of the client as plain data; `actual` is the revision where it said "wrong expected revision", -1 for no stream. */
export type ClientFailure = {
  readonly type: string | undefined;
  readonly code: number | undefined;
  readonly message: string;
  readonly actual?: number;
};

/** Of an append: its last revision, and its last position unless the server left that out. */
export type AppendAnswer = { readonly revision: number; readonly position: Position | undefined };

/**
 * The last event on the page of a stream with one of the prefixes; where the page began, which is the end of the whole log if it was read from
 * there; and where to go on, unless all was searched.
 */
export type LastEventFound = {
  readonly last: Position | undefined;
  readonly newest: Position | undefined;
  readonly next: Position | undefined;
};

/** `opaque`: its data is no JSON, and what of it could be read as text says nothing. */
export type EventOnServer = StoredEvent & { readonly opaque?: true };
/** What a follower is given, in order: events, and now and then that everything up to a position was given. */
export type SubscriptionItem = EventOnServer | { readonly through: Position };

export type FromClient =
  /** It has begun to carry out calls. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown; readonly failure?: ClientFailure }
  | {
      readonly kind: 'followed';
      readonly call: number;
      readonly followed: { readonly items: readonly SubscriptionItem[]; readonly bytes: number };
    }
  | { readonly kind: 'confirmed'; readonly call: number }
  | { readonly kind: 'ended'; readonly call: number; readonly failure: ClientFailure | undefined }
  /** Promises of the client were rejected and nobody had them; the last one's reason. */
  | { readonly kind: 'unhandled'; readonly count: number; readonly failure: ClientFailure };

/** The server looks at so many events before it says how far it has come. */
const searchWindow = 1024;
/** A server that dies leaves one for every append that waits to be sent: they are told of together. */
const tellUnhandledAfterMs = 1_000;
/** What an event costs in memory beside its JSON, roughly. */
const eventOverhead = 300;

/** What the server writes where it has none: -1, without its sign. */
const noPosition = 2n ** 64n - 1n;

const textOf = (value: unknown): string => {
  if (value === undefined) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : JSON.stringify(value);
};

const failureOf = (error: unknown): ClientFailure => {
  const { type, code, actualVersion, message } = (error ?? {}) as Partial<Record<string, unknown>>;
  return {
    type: typeof type === 'string' ? type : undefined,
    code: typeof code === 'number' ? code : undefined,
    message: typeof message === 'string' ? message : String(error),
    ...(actualVersion === undefined ? {} : { actual: typeof actualVersion === 'bigint' ? Number(actualVersion) : -1 }),
  };
};

/** @throws Error when the server does not say where an event of a stream stands in the log, as those before 22.6 don't */
const storedOf = ({ streamId, revision, id, type, data, metadata, created, position, isJson }: RecordedEvent): EventOnServer => {
  if (!position || position.commit === noPosition)
    throw Object.assign(new Error('The server does not tell the positions of events.'), { type: 'no-positions' });
  return {
    id,
    type,
    data: textOf(data),
    metadata: textOf(metadata),
    stream: streamId,
    revision: Number(revision),
    position: toPosition(position),
    recordedAt: created.toISOString(),
    ...(isJson ? {} : { opaque: true }),
  };
};

const clientOf = ({ connection, certificates: { ca, key, cert } }: ClientOptions, nodePreference: Connection['nodePreference']) => {
  const { hosts, discover, tls, credentials, timing } = connection;
  const options = { ...timing, nodePreference, connectionName: 'hookledger' };
  const security = {
    insecure: !tls,
    ...(ca && { rootCertificate: Buffer.from(ca) }),
    ...(key && { userKeyFile: Buffer.from(key) }),
    ...(cert && { userCertFile: Buffer.from(cert) }),
  };
  const [first = { address: '', port: 0 }] = hosts;
  if (discover) return new EventStoreDBClient({ discover: first, ...options }, security, credentials);
  if (hosts.length > 1) return new EventStoreDBClient({ endpoints: [...hosts], ...options }, security, credentials);
  return new EventStoreDBClient({ endpoint: first, ...options }, security, credentials);
};

const startOf = (position: Position | undefined): ReadPosition => (position === undefined ? START : toServerPosition(position));

/** A read that fails tells its reader; one that is left early goes on until it is cancelled, and a connection carries a hundred. */
const listening = <R extends StreamingRead<unknown>>(reading: R): R => reading.on('error', () => {});
const cancel = (reading: StreamingRead<unknown>) => void reading.cancel().catch(() => {});

const isAmong = (prefixes: readonly string[], stream: string) => prefixes.some((prefix) => stream.startsWith(prefix));
const onLeader = { requiresLeader: true };

/** What is told in one turn of the event loop goes in one message: a message costs more than what is in it. */
class Outbox {
  /** Counts the messages that went. */
  turn = 0;
  readonly #send: (messages: readonly FromClient[]) => void;
  #messages: FromClient[] = [];

  constructor(send: (messages: readonly FromClient[]) => void) {
    this.#send = send;
  }

  /** Until the end of the turn the message may still grow. */
  post(message: FromClient): void {
    if (this.#messages.length === 0)
      setImmediate(() => {
        this.#send(this.#messages);
        this.#messages = [];
        this.turn += 1;
      });
    this.#messages.push(message);
  }
}

const serve = (options: ClientOptions, outbox: Outbox) => {
  const leader = clientOf(options, 'leader');
  const { nodePreference } = options.connection;
  const followed = nodePreference === 'leader' ? leader : clientOf(options, nodePreference);
  const followers = new Map<number, { readonly taken: (bytes: number) => void; readonly unfollow: () => void }>();

  const answerWith = (call: number, work: Promise<unknown>) =>
    void work.then(
      (answer) => outbox.post({ kind: 'answer', call, answer }),
      (error: unknown) => outbox.post({ kind: 'answer', call, answer: undefined, failure: failureOf(error) }),
    );

  // The client's first append on a connection is overtaken by those that follow it, so they wait until it is answered.
  const connection: { isOpen: boolean; opening: Promise<unknown> | undefined } = { isOpen: false, opening: undefined };
  const append = async (write: EncodedWrite): Promise<AppendAnswer> => {
    while (connection.opening && !connection.isOpen) await connection.opening.catch(() => {});
    const sending = send(write);
    if (!connection.isOpen) connection.opening = sending;
    try {
      const answer = await sending;
      connection.isOpen = true;
      return answer;
    } catch (error) {
      // The server's own answers have a type and no code; what ends the connection has a code.
      const { type, code } = failureOf(error);
      connection.isOpen = type !== undefined && code === undefined;
      throw error;
    } finally {
      if (connection.opening === sending) connection.opening = undefined;
    }
  };

  const send = async ([stream, expected, strings]: EncodedWrite): Promise<AppendAnswer> => {
    const events = Array.from({ length: strings.length / 4 }, (_, i) => {
      const [id = '', type = '', data = '', metadata = ''] = strings.slice(i * 4, i * 4 + 4);
      // What JSON can't hold would leave the append on its way for ever: it has been serialised before.
      return jsonEvent({ id, type, data: JSON.parse(data) as JSONType, metadata: new TextEncoder().encode(metadata) });
    });
    const expectedRevision = expected === -1 ? NO_STREAM : BigInt(expected);
    const { nextExpectedRevision, position } = await leader.appendToStream(stream, events, { ...onLeader, expectedRevision });
    const isKnown = position !== undefined && position.commit !== noPosition;
    return { revision: Number(nextExpectedRevision), position: isKnown ? toPosition(position) : undefined };
  };

  const read = async ({ stream, from, count, backwards }: StreamRange): Promise<readonly StoredEvent[]> => {
    const reading = listening(
      leader.readStream(stream, {
        ...onLeader,
        fromRevision: from === 'end' ? END : BigInt(from),
        maxCount: count,
        ...(backwards ? { direction: BACKWARDS } : {}),
      }),
    );
    const events: StoredEvent[] = [];
    try {
      for await (const { event } of reading) if (event) events.push(storedOf(event));
      return events;
    } catch (error) {
      if (failureOf(error).type === 'stream-not-found') return [];
      throw error;
    } finally {
      cancel(reading);
    }
  };

  /** What stands at a position of the whole log. */
  const readAt = async (position: Position): Promise<StoredEvent | undefined> => {
    const page = listening(leader.readAll({ ...onLeader, fromPosition: toServerPosition(position), maxCount: 1 }));
    try {
      for await (const { event } of page) return event && toPosition(event.position) === position ? storedOf(event) : undefined;
      return undefined;
    } finally {
      cancel(page);
    }
  };

  const findLast = async ({ prefixes, before, after, count }: LastEventSearch): Promise<LastEventFound> => {
    const fromPosition = before === undefined ? END : toServerPosition(before);
    const page = listening(leader.readAll({ ...onLeader, direction: BACKWARDS, fromPosition, maxCount: count }));
    let newest: Position | undefined;
    let oldest: Position | undefined;
    let found = 0;
    try {
      for await (const { event } of page) {
        found += 1;
        if (!event) continue;
        oldest = toPosition(event.position);
        newest ??= oldest;
        if (oldest <= after) return { last: undefined, newest, next: undefined };
        if (isAmong(prefixes, event.streamId)) return { last: oldest, newest, next: undefined };
      }
      return { last: undefined, newest, next: found === count ? oldest : undefined };
    } finally {
      cancel(page);
    }
  };

  /** Forwards, over few events. */
  const countBetween = async ({ prefixes, after, upTo }: CountRequest): Promise<number> => {
    const page = listening(followed.readAll({ fromPosition: startOf(after) }));
    let count = 0;
    try {
      for await (const { event } of page) {
        if (!event) continue;
        const position = toPosition(event.position);
        if (position > upTo) break;
        if ((after === undefined || position > after) && isAmong(prefixes, event.streamId)) count += 1;
      }
      return count;
    } finally {
      cancel(page);
    }
  };

  const follow = (call: number, { after, prefixes, window }: SubscriptionRequest) => {
    let untaken = 0;
    let read = 0;
    let ended = false;
    /** Checkpoints overtake the events before them, which wait to be read: each with the count of events that it stands behind. */
    let checkpoints: { readonly behind: number; readonly through: Position }[] = [];

    /** What was gathered in this turn of the event loop, already posted and still growing. */
    let gathered = { turn: -1, items: [] as SubscriptionItem[], bytes: 0 };
    const gather = (item: SubscriptionItem, bytes: number) => {
      if (gathered.turn !== outbox.turn) {
        gathered = { turn: outbox.turn, items: [], bytes: 0 };
        outbox.post({ kind: 'followed', call, followed: gathered });
      }
      gathered.items.push(item);
      gathered.bytes += bytes;
    };
    const end = (failure?: ClientFailure) => {
      if (ended) return;
      ended = true;
      followers.delete(call);
      void subscription.unsubscribe().catch(() => {});
      outbox.post({ kind: 'ended', call, failure });
    };
    const passCheckpoints = () => {
      const passed = checkpoints.findLast(({ behind }) => behind <= read);
      if (!passed || ended) return;
      checkpoints = checkpoints.filter(({ behind }) => behind > read);
      gather({ through: passed.through }, 0);
    };

    const subscription: AllStreamSubscription = followed.subscribeToAll({
      fromPosition: startOf(after),
      filter: streamNameFilter({
        prefixes: [...prefixes],
        maxSearchWindow: searchWindow,
        checkpointInterval: 1,
        checkpointReached: (self, position) => {
          checkpoints.push({ behind: read + self.readableLength, through: toPosition(position) });
          passCheckpoints();
        },
      }),
    });
    subscription.on('confirmation', () => outbox.post({ kind: 'confirmed', call }));
    subscription.on('error', (error) => end(failureOf(error)));
    subscription.on('end', () => end());
    subscription.on('data', ({ event }) => {
      read += 1;
      if (ended) return;
      if (event) {
        const stored = storedOf(event);
        const size = stored.data.length + stored.metadata.length + eventOverhead;
        untaken += size;
        gather(stored, size);
        if (untaken > window) subscription.pause();
      }
      passCheckpoints();
    });
    followers.set(call, {
      unfollow: () => end(),
      taken: (count) => {
        untaken -= count;
        if (untaken <= window / 2) subscription.resume();
      },
    });
  };

  return (message: ToClient) => {
    switch (message.kind) {
      case 'append':
        answerWith(message.call, append(message.write));
        break;
      case 'read':
        answerWith(message.call, read(message.range));
        break;
      case 'read-at':
        answerWith(message.call, readAt(message.position));
        break;
      case 'find-last':
        answerWith(message.call, findLast(message.find));
        break;
      case 'count':
        answerWith(message.call, countBetween(message.count));
        break;
      case 'follow':
        follow(message.call, message.follow);
        break;
      case 'taken':
        followers.get(message.call)?.taken(message.bytes);
        break;
      case 'unfollow':
        followers.get(message.call)?.unfollow();
        break;
    }
  };
};

if (parentPort) {
  const port = parentPort;
  const outbox = new Outbox((messages) => port.postMessage(messages));
  let unhandled = 0;
  process.on('unhandledRejection', (error) => {
    const failure = failureOf(error);
    // What is none of gRPC's errors is a defect, after which nothing can be relied on: the thread ends, and another takes its place.
    if (failure.type === undefined && failure.code === undefined) throw error;
    if (unhandled === 0)
      setTimeout(() => {
        outbox.post({ kind: 'unhandled', count: unhandled, failure });
        unhandled = 0;
      }, tellUnhandledAfterMs);
    unhandled += 1;
  });
  const handle = serve(workerData as ClientOptions, outbox); // what ClientThread starts this thread with
  port.on('message', (messages: readonly ToClient[]) => {
    for (const message of messages) handle(message);
  });
  outbox.post({ kind: 'ready' });
}
