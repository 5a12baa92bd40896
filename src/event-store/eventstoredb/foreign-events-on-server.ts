// Events that other services write to the server of our log, for sources.
import type { Position } from '../../domain/ids.ts';
import { ForeignEvents, type ForeignEvent } from '../foreign-events.ts';
import type { EventOnServer } from './client/messages.ts';
import { followServer } from './following.ts';
import { markerStream } from './log-marker.ts';
import type { LogServer } from './log-server.ts';
import { toPosition } from './positions.ts';
import { categories } from '../../domain/streams.ts';

const firstPosition = toPosition({ commit: 0n, prepare: 0n });

export class ForeignEventsOnServer extends ForeignEvents {
  readonly unavailable = undefined;
  readonly #server: LogServer;
  /** The prefixes of our own streams. */
  readonly #own: readonly string[];
  readonly #closing: AbortSignal;

  /** @param prefix precedes the names of our streams */
  constructor(server: LogServer, prefix: string, closing: AbortSignal) {
    super();
    this.#server = server;
    this.#own = prefix === '' ? [...categories.map((category) => `${category}-`), markerStream(prefix)] : [prefix];
    this.#closing = closing;
  }

  refusal(streamPrefix: string): string | undefined {
    const own = this.#own.find((each) => each.startsWith(streamPrefix) || streamPrefix.startsWith(each));
    return own === undefined
      ? undefined
      : `Streams that begin with "${streamPrefix}" include Hookledger's own (${own}…), which can't be a source. Give the prefix of your services' streams.`;
  }

  async end(): Promise<Position> {
    const last = { prefixes: [''], before: undefined, after: firstPosition, count: 1 };
    const { newest } = await this.#server.read((thread, timeoutMs) => thread.findLast(last, timeoutMs));
    return newest ?? firstPosition;
  }

  async *follow(after: Position | null, { streamPrefix, signal, batchSize }: Parameters<ForeignEvents['follow']>[1]) {
    const ending = AbortSignal.any([signal, this.#closing]);
    const followed = { server: this.#server, prefixes: [streamPrefix] };
    for await (const { events, through } of followServer(followed, after ?? undefined, { signal: ending, batchSize }))
      yield { events: events.filter((event) => this.#isForeign(event)).map(toForeignEvent), through };
  }

  #isForeign({ stream, type }: EventOnServer): boolean {
    return !stream.startsWith('$') && !type.startsWith('$') && !this.#own.some((each) => stream.startsWith(each));
  }
}

const toForeignEvent = ({ id, type, stream, revision, position, recordedAt, data, opaque }: EventOnServer): ForeignEvent => ({
  id,
  type,
  stream,
  revision,
  position,
  recordedAt,
  data: opaque ? undefined : data,
});
