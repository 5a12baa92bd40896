// The events read from the log and not committed yet, in log order: those that wait, and those of the running transaction.
// Limit: the caller bounds it by checking `isFull` after each read, so it holds at most one read more.
import type { Position } from '../../../domain/ids.ts';
import type { EventHeader } from '../consumer.ts';

/** While catching up. Fewer transactions write each index page fewer times. */
const readsPerTransaction = 5;
/** Of `maxBatch`: the rows that one transaction may write beyond one per event. They are in memory until then. */
const heavy = 2;

export class PendingEvents<Retained extends EventHeader> {
  private waiting: Retained[] = [];
  /** Of each that waits. */
  private weights: number[] = [];
  private weight = 0;
  private reads = 0;
  private applying: readonly Retained[] = [];
  private lastApplied: Retained | undefined;

  constructor(private readonly maxBatch: number) {}

  /** Includes those of the running transaction. */
  get count(): number {
    return this.applying.length + this.waiting.length;
  }

  /** Whether no event waits for a transaction. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get last(): Retained | undefined {
    return this.waiting.at(-1);
  }

  /** While catching up with nothing pending, more is to come: the event applied last stands for its age. */
  oldest(catchingUp: boolean): EventHeader | undefined {
    return this.applying[0] ?? this.waiting[0] ?? (catchingUp ? this.lastApplied : undefined);
  }

  /** A read is bounded in bytes too, so counting reads bounds the memory, whatever the size of the events. */
  isFull(catchingUp: boolean): boolean {
    return catchingUp ? this.reads >= readsPerTransaction || this.isHeavy : this.weight >= this.maxBatch;
  }

  /** Events that write many rows: the rest of the read has to wait for the next transaction. */
  get isHeavy(): boolean {
    return this.weight - this.waiting.length > heavy * this.maxBatch;
  }

  /** @param weight the rows that it may write */
  add(event: Retained, weight = 1): void {
    this.waiting.push(event);
    this.weights.push(weight);
    this.weight += weight;
  }

  /** All events of one read were added. */
  endRead(): void {
    this.reads++;
  }

  /** Takes all waiting events, up to the first live one, for the next transaction. */
  take(tip: Position | undefined): readonly Retained[] {
    const [first = [], ...rest] = cutAtTip(this.waiting, tip);
    this.waiting = rest.flat();
    this.weights = this.weights.slice(first.length);
    this.weight = this.weights.reduce((sum, each) => sum + each, 0);
    this.reads = 0;
    this.applying = first;
    return first;
  }

  /** @param batch the first of the events taken */
  committed(batch: readonly Retained[]): void {
    this.lastApplied = batch.at(-1);
    this.applying = this.applying.slice(batch.length);
  }

  /** Forgets everything: events not committed are read again. */
  clear(): void {
    this.waiting = [];
    this.weights = [];
    this.weight = 0;
    this.reads = 0;
    this.applying = [];
  }
}

/** Whether a batch begins after `tip`, the end of the log when following began. */
export const isLive = ([first]: readonly EventHeader[], tip: Position | undefined): boolean =>
  first !== undefined && (tip === undefined || first.position > tip);

/** Two parts where a batch begins before the live events and ends among them; otherwise one. */
const cutAtTip = <Retained extends EventHeader>(batch: readonly Retained[], tip: Position | undefined): Retained[][] => {
  const last = batch.at(-1);
  if (!last || tip === undefined || last.position <= tip || isLive(batch, tip)) return [batch.slice()];
  const firstLive = batch.findIndex(({ position }) => position > tip);
  return [batch.slice(0, firstLive), batch.slice(firstLive)];
};
