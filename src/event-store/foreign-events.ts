// The port to what other services write to the server that our log is on. An embedded log has no such server.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';

/** `data`: JSON text; undefined: it is something else. Names and positions are the server's. */
export type ForeignEvent = Omit<StoredEvent, 'data' | 'metadata'> & { readonly data: string | undefined };

export abstract class ForeignEvents {
  /** Why there are none, as a sentence; undefined: there are. */
  abstract readonly unavailable: string | undefined;

  /** Why streams whose names begin so can't be read, as a sentence. */
  abstract refusal(streamPrefix: string): string | undefined;

  /** The place of the server's last event. @throws LogUnavailable */
  abstract end(): Promise<Position>;

  /**
   * The events after a place (null: from the server's beginning) in streams whose names begin so, in the server's order, for ever, and how far
   * that is: what was passed over is told without events. Reconnects by itself; ends when `signal` aborts. Our own and the server's are left out.
   */
  abstract follow(
    after: Position | null,
    options: { readonly streamPrefix: string; readonly signal: AbortSignal; readonly batchSize: number },
  ): AsyncIterable<{ readonly events: readonly ForeignEvent[]; readonly through: Position }>;
}

export class NoForeignEvents extends ForeignEvents {
  readonly unavailable =
    "The log is in the data folder, where no other service writes. A source needs a log in EventStoreDB or KurrentDB: the server that the services' events are on (HOOKLEDGER_EVENTSTORE_URL).";

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
