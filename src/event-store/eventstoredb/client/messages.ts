// The messages between the client's thread and the rest of the adapter: plain data. Streams have the names that they have on the server.
import type { Position } from '../../../domain/ids.ts';
import type { StoredEvent } from '../../codec.ts';
import type { Certificates, Connection } from '../connection.ts';

/** `probedStream`: reading it shows whether a node can be used. It need not exist. */
export type ClientOptions = { readonly connection: Connection; readonly certificates: Certificates; readonly probedStream: string };

/** Appending and reading have a connection each, so each can be used or not. */
export type Purpose = 'appending' | 'reading';

/** `events` holds four strings per event: id, type, data, metadata. `expected` is -1 for no stream. */
export type EncodedWrite = readonly [stream: string, expected: number, events: readonly string[]];

export type StreamRange = { readonly stream: string; readonly from: number | 'end'; readonly count: number; readonly backwards?: boolean };

/** `window`: the bytes that may be sent before the subscriber says that it has taken them. */
export type SubscriptionRequest = { readonly after: Position | undefined; readonly prefixes: readonly string[]; readonly window: number };

/** Searches one page of the whole log backwards, from `before` (by default the end), for a stream with one of the prefixes; stops at `after`. */
export type LastEventSearch = {
  readonly prefixes: readonly string[];
  readonly before: Position | undefined;
  readonly after: Position;
  readonly count: number;
};

/** Counts the events of streams with one of the prefixes. */
export type CountRequest = { readonly prefixes: readonly string[]; readonly after: Position | undefined; readonly upTo: Position };

/** Every call has a number; its answer has the same. */
export type ToClient =
  | { readonly kind: 'append'; readonly call: number; readonly write: EncodedWrite }
  | { readonly kind: 'read'; readonly call: number; readonly range: StreamRange }
  | { readonly kind: 'read-at'; readonly call: number; readonly position: Position }
  | { readonly kind: 'find-last'; readonly call: number; readonly search: LastEventSearch }
  | { readonly kind: 'count'; readonly call: number; readonly count: CountRequest }
  | { readonly kind: 'probe'; readonly call: number; readonly purpose: Purpose }
  | { readonly kind: 'subscribe'; readonly call: number; readonly request: SubscriptionRequest }
  | { readonly kind: 'taken'; readonly call: number; readonly bytes: number }
  | { readonly kind: 'unsubscribe'; readonly call: number };

/** An error of the client as plain data. `actual` is the stream's revision if another one was expected; -1 for no stream. */
export type ClientFailure = {
  readonly type: string | undefined;
  readonly code: number | undefined;
  readonly message: string;
  readonly actual?: number;
};

/** The revision and the position of the last event appended; some servers leave out the position. */
export type AppendAnswer = { readonly revision: number; readonly position: Position | undefined };

/** `newest` is where the page began: the end of the whole log, if it was read from there. `next` is where to continue; undefined if nothing is left. */
export type LastEventFound = {
  readonly last: Position | undefined;
  readonly newest: Position | undefined;
  readonly next: Position | undefined;
};

/** `opaque`: the data is not JSON, so the text read from it means nothing. */
export type EventOnServer = StoredEvent & { readonly opaque?: true };

/** An event; or a checkpoint, which says that the subscription has passed a position. */
export type SubscriptionItem = EventOnServer | { readonly through: Position };

export type FromClient =
  /** The thread has started to serve calls. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: unknown; readonly failure?: ClientFailure }
  | { readonly kind: 'confirmed'; readonly call: number }
  | {
      readonly kind: 'items';
      readonly call: number;
      readonly batch: { readonly items: readonly SubscriptionItem[]; readonly bytes: number };
    }
  | { readonly kind: 'ended'; readonly call: number; readonly failure: ClientFailure | undefined }
  /** Promises of the client were rejected without a handler; `failure` is the first reason. */
  | { readonly kind: 'unhandled'; readonly count: number; readonly failure: ClientFailure };
