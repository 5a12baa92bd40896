// The port to the events that other services write to the log server. An embedded log has no such server.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';

/** `data` is JSON text, or undefined if it is something else. Names and positions are the server's. */
export type ForeignEvent = Omit<StoredEvent, 'data' | 'metadata'> & { readonly data: string | undefined };

export abstract class ForeignEvents {
  /** A sentence that says why there are no foreign events; undefined if there are. */
  abstract readonly unavailable: string | undefined;

  /** A sentence that says why streams with this prefix can't be read; undefined if they can. */
  abstract refusal(streamPrefix: string): string | undefined;

  /** The position of the server's last event. @throws LogUnavailable */
  abstract end(): Promise<Position>;

  /**
   * Yields the events after a position (null: from the start) of the streams with this prefix, in the server's order, for ever. `through` is how far
   * the server has been read; batches may be empty. Reconnects by itself; ends when `signal` aborts. Our own and the server's events are left out.
   */
  abstract follow(
    after: Position | null,
    options: { readonly streamPrefix: string; readonly signal: AbortSignal; readonly batchSize: number },
  ): AsyncIterable<{ readonly events: readonly ForeignEvent[]; readonly through: Position }>;
}

export class NoForeignEvents extends ForeignEvents {
  readonly unavailable =
    "The log is in the data folder, where no other service writes. A source needs the log to be on the EventStoreDB or KurrentDB server that holds the services' events (HOOKLEDGER_EVENTSTORE_URL).";

  refusal(): string {
    return this.unavailable;
  }

  end(): Promise<never> {
    return Promise.reject(new Error(this.unavailable));
  }

  // oxlint-disable-next-line require-yield -- there is nothing to follow
  async *follow(): AsyncGenerator<never> {
    throw new Error(this.unavailable);
  }
}
