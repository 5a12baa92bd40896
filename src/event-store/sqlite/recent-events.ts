// The newest events of the log, in memory once for all followers. A follower that keeps up never reads the file.
import type { RecordedEvent } from '../event-store.ts';

/** A ring buffer, bounded by the number of events and by the bytes of their JSON. Sequences have no gaps, so a slot is a remainder. */
export class RecentEvents {
  readonly #events: (RecordedEvent | undefined)[];
  readonly #sizes: number[];
  readonly #maxBytes: number;
  #first: number;
  #tip: number;
  #bytes = 0;

  /** @param tip the sequence of the last event already in the log */
  constructor({ tip, maxEvents, maxBytes }: { tip: number; maxEvents: number; maxBytes: number }) {
    this.#events = Array.from({ length: maxEvents }, () => undefined);
    this.#sizes = Array.from({ length: maxEvents }, () => 0);
    this.#maxBytes = maxBytes;
    this.#tip = tip;
    this.#first = tip + 1;
  }

  /** The sequence of the last durable event; 0 if the log is empty. */
  get tip() {
    return this.#tip;
  }

  push(event: RecordedEvent, bytes: number) {
    this.#tip += 1;
    if (this.#tip - this.#first >= this.#events.length) this.#drop();
    const slot = this.#tip % this.#events.length;
    this.#events[slot] = event;
    this.#sizes[slot] = bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#drop();
  }

  /** Drops everything and continues after `tip`; the events in between are in the file only. */
  restart(tip: number) {
    while (this.#first <= this.#tip) this.#drop();
    this.#tip = tip;
    this.#first = tip + 1;
  }

  /** Up to `limit` events after a sequence; undefined if some of them have been dropped. */
  after(sequence: number, limit: number): RecordedEvent[] | undefined {
    if (sequence + 1 < this.#first) return undefined;
    const batch: RecordedEvent[] = [];
    for (let next = sequence + 1; next <= this.#tip && batch.length < limit; next += 1) {
      const event = this.#events[next % this.#events.length];
      if (event) batch.push(event);
    }
    return batch;
  }

  #drop() {
    const slot = this.#first % this.#events.length;
    this.#bytes -= this.#sizes[slot] ?? 0;
    this.#events[slot] = undefined;
    this.#first += 1;
  }
}
