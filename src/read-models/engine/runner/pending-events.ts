// What was read from the log and is not committed yet: what waits, and what the running transaction applies; in log order.
// Limit: it is bounded by whoever looks at `isFull` after each read, so that it holds at most one read more.
import type { Position } from '../../../domain/ids.ts';
import type { EventHeader } from '../consumer.ts';

/** While catching up: the fewer transactions, the fewer times a page of an index is written. */
const readsPerTransaction = 5;

export class PendingEvents<Retained extends EventHeader> {
  /** Read, but in no transaction yet; and those of the running one. */
  private waiting: Retained[] = [];
  private reads = 0;
  private applying: readonly Retained[] = [];
  private lastApplied: Retained | undefined;

  constructor(private readonly maxBatch: number) {}

  /** Those of the running transaction included. */
  get count(): number {
    return this.applying.length + this.waiting.length;
  }

  /** Nothing waits. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get last(): Retained | undefined {
    return this.waiting.at(-1);
  }

  /** While catching up, more is to come, and is as old as what was applied last. */
  oldest(catchingUp: boolean): EventHeader | undefined {
    return this.applying[0] ?? this.waiting[0] ?? (catchingUp ? this.lastApplied : undefined);
  }

  /** A read is bounded in bytes as well, so that counting reads bounds the memory, whatever the size of the events. */
  isFull(catchingUp: boolean): boolean {
    return catchingUp ? this.reads >= readsPerTransaction : this.waiting.length >= this.maxBatch;
  }

  add(event: Retained): void {
    this.waiting.push(event);
  }

  /** All of a read was added. */
  endRead(): void {
    this.reads++;
  }

  /** All that waits, up to where live events begin. It is being applied from now on. */
  take(tip: Position | undefined): readonly Retained[] {
    const [first = [], ...rest] = cutAtTip(this.waiting, tip);
    this.waiting = rest.flat();
    this.reads = 0;
    this.applying = first;
    return first;
  }

  /** The first of what was taken. */
  committed(batch: readonly Retained[]): void {
    this.lastApplied = batch.at(-1);
    this.applying = this.applying.slice(batch.length);
  }

  /** What was not committed comes again. */
  clear(): void {
    this.waiting = [];
    this.reads = 0;
    this.applying = [];
  }
}

/** Whether a batch begins after `tip`, where the log ended when it began to be followed. */
export const isLive = ([first]: readonly EventHeader[], tip: Position | undefined): boolean =>
  first !== undefined && (tip === undefined || first.position > tip);

/** One part, or two where the batch begins before the live events and ends among them. */
const cutAtTip = <Retained extends EventHeader>(batch: readonly Retained[], tip: Position | undefined): Retained[][] => {
  const last = batch.at(-1);
  if (!last || tip === undefined || last.position <= tip || isLive(batch, tip)) return [batch.slice()];
  const firstLive = batch.findIndex(({ position }) => position > tip);
  return [batch.slice(0, firstLive), batch.slice(firstLive)];
};
