// The only file that imports the client package: connects, starts calls, and converts what they return into plain data.
// Node may run this file by stripping its types, so they must be erasable.
import './uncompressed.ts';
import {
  BACKWARDS,
  END,
  EventStoreDBClient,
  FORWARDS,
  jsonEvent,
  NO_STREAM,
  NotLeaderError,
  START,
  streamNameFilter,
  type AllStreamSubscription,
  type JSONType,
  type RecordedEvent,
  type StreamingRead,
} from '@eventstore/db-client';
import { parseJson } from '../../../domain/exact-number.ts';
import type { Position } from '../../../domain/ids.ts';
import type { Host, NodePreference } from '../connection.ts';
import { toPosition, toServerPosition } from '../positions.ts';
import type { AppendAnswer, ClientFailure, ClientOptions, EncodedWrite, EventOnServer, StreamRange } from './messages.ts';

// The package parses the data of events with the global `JSON.parse` and has no setting for that. Only the client's thread runs this file.
const parseWithReviver = JSON.parse;
JSON.parse = (text: string, reviver?: Parameters<typeof parseWithReviver>[1]): unknown =>
  reviver ? parseWithReviver(text, reviver) : parseJson(text);

export type DbClient = EventStoreDBClient;

/** The server looks at this many events before it reports how far it has come. */
const searchWindow = 1024;
/** The package's own default. */
const defaultKeepAliveMs = 10_000;
/** The position that a server sends if it has none: -1 as an unsigned number. */
const noPosition = 2n ** 64n - 1n;
const onLeader = { requiresLeader: true };

/** How many clients there have been. */
let clients = 0;

/**
 * A client of a given node, or of one of the cluster's nodes that it chooses by `nodePreference`. Each has a connection of its own: clients with
 * the same options would share one, and after failures also its pauses between tries to connect, which grow to two minutes.
 */
export const connect = ({ connection, certificates: { ca, key, cert } }: ClientOptions, node: Host | NodePreference): DbClient => {
  const { hosts, discover, tls, credentials, timing } = connection;
  const { keepAliveTimeout = defaultKeepAliveMs } = timing;
  clients += 1;
  const options = {
    ...timing,
    keepAliveTimeout: keepAliveTimeout < 0 ? keepAliveTimeout : keepAliveTimeout + (clients % 1_000),
    connectionName: 'hookledger',
  };
  const security = {
    insecure: !tls,
    ...(ca && { rootCertificate: Buffer.from(ca) }),
    ...(key && { userKeyFile: Buffer.from(key) }),
    ...(cert && { userCertFile: Buffer.from(cert) }),
  };
  if (typeof node !== 'string') return new EventStoreDBClient({ endpoint: node, ...options }, security, credentials);
  const [first = { address: '', port: 0 }] = hosts;
  const preferring = { nodePreference: node, ...options };
  if (discover) return new EventStoreDBClient({ discover: first, ...preferring }, security, credentials);
  return new EventStoreDBClient({ endpoints: [...hosts], ...preferring }, security, credentials);
};

export const appendToStream = async (client: DbClient, [stream, expected, strings]: EncodedWrite): Promise<AppendAnswer> => {
  const events = Array.from({ length: strings.length / 4 }, (_, i) => {
    const [id = '', type = '', data = '', metadata = ''] = strings.slice(i * 4, i * 4 + 4);
    // The data was serialised before it came here: an append of a value that JSON can't hold would never settle.
    return jsonEvent({ id, type, data: JSON.parse(data) as JSONType, metadata: new TextEncoder().encode(metadata) });
  });
  const expectedRevision = expected === -1 ? NO_STREAM : BigInt(expected);
  const { nextExpectedRevision, position } = await client.appendToStream(stream, events, { ...onLeader, expectedRevision });
  const hasPosition = position !== undefined && position.commit !== noPosition;
  return { revision: Number(nextExpectedRevision), position: hasPosition ? toPosition(position) : undefined };
};

/** Yields undefined for a link whose event is gone. */
export const readStream = (client: DbClient, { stream, from, count, backwards = false }: StreamRange) =>
  eventsOf(
    client.readStream(stream, {
      ...onLeader,
      fromRevision: from === 'end' ? END : BigInt(from),
      maxCount: count,
      direction: backwards ? BACKWARDS : FORWARDS,
    }),
  );

type AllRange = {
  readonly from: Position | 'start' | 'end';
  readonly count?: number;
  readonly backwards?: boolean;
  readonly requiresLeader: boolean;
};

/** Reads the whole log. Yields undefined for a link whose event is gone. */
export const readAll = (client: DbClient, { from, count, backwards = false, requiresLeader }: AllRange) =>
  eventsOf(
    client.readAll({
      requiresLeader,
      fromPosition: from === 'end' ? END : startingAt(from),
      ...(count === undefined ? {} : { maxCount: count }),
      direction: backwards ? BACKWARDS : FORWARDS,
    }),
  );

/** A read that ends early must be cancelled: it would go on, and a connection carries only a hundred. */
async function* eventsOf<E>(reading: StreamingRead<{ readonly event?: E }>): AsyncGenerator<E | undefined> {
  reading.on('error', () => {}); // the loop throws it too
  try {
    for await (const { event } of reading) yield event;
  } finally {
    void reading.cancel().catch(() => {});
  }
}

/** Subscribes to the streams with one of the prefixes. `checkpointReached` may run before the events in front of the checkpoint are read. */
export const subscribe = (
  client: DbClient,
  after: Position | undefined,
  prefixes: readonly string[],
  checkpointReached: (subscription: AllStreamSubscription, position: Position) => void,
): AllStreamSubscription =>
  client.subscribeToAll({
    fromPosition: startingAt(after ?? 'start'),
    filter: streamNameFilter({
      prefixes: [...prefixes],
      maxSearchWindow: searchWindow,
      checkpointInterval: 1,
      checkpointReached: (subscription, position) => checkpointReached(subscription, toPosition(position)),
    }),
  });

const startingAt = (from: Position | 'start') => (from === 'start' ? START : toServerPosition(from));

/** @throws Error if the server does not tell the position of a stream's event; those before 22.6 don't */
export const toEventOnServer = (event: RecordedEvent): EventOnServer => {
  const { streamId, revision, id, type, data, metadata, created, position, isJson } = event;
  if (!position || position.commit === noPosition)
    throw Object.assign(new Error('The server does not tell the positions of events.'), { type: 'no-positions' });
  return {
    id,
    type,
    data: toText(data),
    metadata: toText(metadata),
    stream: streamId,
    revision: Number(revision),
    position: toPosition(position),
    recordedAt: created.toISOString(),
    ...(isJson ? {} : { opaque: true }),
  };
};

const toText = (value: unknown): string => {
  if (value === undefined) return '';
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : JSON.stringify(value);
};

/** The node that leads, if that is what an error says. */
export const toNamedLeader = (error: unknown): Host | undefined => (error instanceof NotLeaderError ? error.leader : undefined);

export const toClientFailure = (error: unknown): ClientFailure => {
  const { type, code, actualVersion, message } = (error ?? {}) as Partial<Record<string, unknown>>;
  return {
    type: typeof type === 'string' ? type : undefined,
    code: typeof code === 'number' ? code : undefined,
    message: typeof message === 'string' ? message : String(error),
    ...(actualVersion === undefined ? {} : { actual: typeof actualVersion === 'bigint' ? Number(actualVersion) : -1 }),
  };
};
