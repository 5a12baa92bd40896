// The turn cache: the queues of ordering keys that are in memory, so that the next delivery of a key goes out as soon as the log says that the one
// before it has ended. The table of ordered deliveries is the truth: each commit decides the same by it.
// Bounded: what has no room here is in the table only, and its turn comes with the next commit.
import type { BatchId, DeliveryId } from '../../domain/ids.ts';
import type { OrderedDeliveryRow } from '../../read-models/ordering/ordered-deliveries.ts';
import { attemptOf, type DueAttemptRow } from '../due-attempts/due-attempts-table.ts';
import {
  AwaitTurn,
  DropAttempt,
  JoinBatch,
  ReleaseEndpoint,
  RequestAttempt,
  type DeliveryOrBatchId,
  type SagaCommand,
  type ScheduleAttempt,
} from './saga-commands.ts';

/** `detail`: the attempt, as the table has it. */
type Turn = {
  readonly id: DeliveryId;
  readonly queue: string;
  unit: DeliveryOrBatchId;
  attempt: ScheduleAttempt | undefined;
  detail: string | null;
};

/** The first of a queue. `isWhole`: there are no others in the table. */
type Queue = { readonly turns: Turn[]; isWhole: boolean };

export type TurnCacheLimits = {
  /** Deliveries in memory, in all and of one queue; and how many of them keep their message. */
  readonly turns: number;
  readonly perQueue: number;
  readonly messages: number;
  /** How many of a long queue are read at a time, and how few are left by then. */
  readonly read: number;
  readonly low: number;
};
export const turnCacheLimits: TurnCacheLimits = { turns: 20_000, perQueue: 1_000, messages: 1_000, read: 64, low: 16 };

export class TurnCache {
  private readonly queues = new Map<string, Queue>();
  private readonly turns = new Map<DeliveryId, Turn>();
  private readonly batches = new Map<DeliveryOrBatchId, DeliveryId[]>();
  /** Queues that will soon need more from the table. */
  private readonly low = new Set<string>();
  private partial = 0;
  private messages = 0;
  private complete = false;

  constructor(private readonly limits: TurnCacheLimits) {}

  /** Every queue that is not here is empty. */
  get isComplete(): boolean {
    return this.complete;
  }

  /** As many as a whole table may have to be read at once. */
  get mostToRead(): number {
    return this.limits.turns / 2;
  }

  clear(): void {
    for (const each of [this.queues, this.turns, this.batches, this.low]) each.clear();
    this.partial = this.messages = 0;
    this.complete = false;
  }

  /**
   * Takes what an event led to.
   * @param only the queues that do not show this event yet; left out: all
   * @returns the attempts that have the turn by it, as far as is known here
   */
  take(command: SagaCommand, only?: ReadonlySet<string>): readonly ScheduleAttempt[] {
    if (command instanceof AwaitTurn) return only?.has(command.queue) === false ? [] : this.add(command);
    if (command instanceof RequestAttempt) return this.request(command.attempt);
    if (command instanceof DropAttempt) return command.endsTurn ? this.end(command.id) : [];
    if (command instanceof JoinBatch) this.join(command.batchId, command.deliveries);
    if (command instanceof ReleaseEndpoint)
      for (const name of only ?? this.queues.keys()) if (name.startsWith(`${command.endpointId} `)) this.remove(name);
    return [];
  }

  // ── What the table has ──

  /** The queues to read from the table. @param begun queues whose turn went on in the table */
  wanted(begun: readonly string[]): readonly string[] {
    if (this.turns.size >= this.limits.turns) this.clear();
    const unknown = this.complete ? [] : begun.filter((name) => !this.queues.has(name)).slice(0, this.limits.read);
    return [...[...this.low].slice(0, this.limits.read), ...unknown];
  }

  /** @param rows the first rows, `limits.read` at most, of each of these queues */
  replace(names: readonly string[], rows: readonly OrderedDeliveryRow[]): void {
    for (const name of names) this.remove(name);
    for (const [name, its] of Map.groupBy(rows, ({ queue }) => queue)) this.set(name, its, its.length < this.limits.read);
    for (const name of names) if (!this.queues.has(name)) this.low.delete(name);
  }

  /** @param rows all rows */
  replaceAll(rows: readonly OrderedDeliveryRow[]): void {
    this.clear();
    for (const [name, its] of Map.groupBy(rows, ({ queue }) => queue)) this.set(name, its, true);
    this.complete = true;
  }

  private set(name: string, rows: readonly OrderedDeliveryRow[], isWhole: boolean): void {
    const queue: Queue = { turns: [], isWhole };
    this.queues.set(name, queue);
    if (!isWhole) this.partial++;
    for (const { id, unit, detail } of rows.toSorted((a, b) => (a.place < b.place ? -1 : 1))) {
      const turn: Turn = { id, queue: name, unit, attempt: undefined, detail };
      queue.turns.push(turn);
      this.turns.set(id, turn);
      if (unit !== id) this.batches.set(unit, [...(this.batches.get(unit) ?? []), id]);
    }
  }

  private remove(name: string): void {
    const queue = this.queues.get(name);
    if (!queue) return;
    for (const turn of queue.turns) this.forget(turn);
    if (!queue.isWhole) this.partial--;
    this.queues.delete(name);
    this.low.delete(name);
  }

  // ── What events change ──

  private add({ attempt, queue: name, id }: AwaitTurn): readonly ScheduleAttempt[] {
    let queue = this.queues.get(name);
    if (!queue) {
      if (this.complete && this.turns.size >= this.limits.turns) this.complete = false;
      if (!this.complete) return [];
      this.queues.set(name, (queue = { turns: [], isWhole: true }));
    } else if (queue.isWhole && (this.turns.size >= this.limits.turns || queue.turns.length >= this.limits.perQueue)) {
      queue.isWhole = false;
      this.partial++;
    }
    if (!queue.isWhole) return [];
    const keepsMessages = this.messages < this.limits.messages && queue.turns.length > 0;
    const turn: Turn = { id, queue: name, unit: id, attempt: keepsMessages ? attempt : attempt.withMessages(undefined), detail: null };
    if (keepsMessages) this.messages++;
    queue.turns.push(turn);
    this.turns.set(id, turn);
    return queue.turns.length === 1 ? [attempt] : [];
  }

  private request(attempt: ScheduleAttempt): readonly ScheduleAttempt[] {
    const turn = this.turns.get(attempt.id as DeliveryId);
    if (!turn) return this.complete && this.partial === 0 ? [attempt] : [];
    if (turn.unit !== turn.id) return []; // it goes with its batch
    if (this.queues.get(turn.queue)?.turns[0] === turn) return [attempt];
    if (turn.attempt?.messages) this.messages--;
    turn.attempt = attempt;
    return [];
  }

  private join(batchId: BatchId, deliveries: readonly DeliveryId[]): void {
    const here = deliveries.filter((id) => this.turns.has(id));
    if (here.length === 0) return;
    this.batches.set(batchId, here);
    for (const id of here) {
      const turn = this.turns.get(id);
      if (turn) turn.unit = batchId;
    }
  }

  private end(unit: DeliveryOrBatchId): readonly ScheduleAttempt[] {
    const moved = new Set<string>();
    for (const id of this.batches.get(unit) ?? [unit as DeliveryId]) {
      const turn = this.turns.get(id);
      const turns = turn && this.queues.get(turn.queue)?.turns;
      if (!turns || turn.unit !== unit) continue; // what happens to a delivery in a batch by itself ends no turn
      const index = turns.indexOf(turn);
      turns.splice(index, 1);
      this.forget(turn);
      if (index === 0) moved.add(turn.queue);
    }
    this.batches.delete(unit);
    return Array.from(moved).flatMap((name) => this.next(name));
  }

  private next(name: string): readonly ScheduleAttempt[] {
    const queue = this.queues.get(name);
    const first = queue?.turns[0];
    if (queue && !queue.isWhole && queue.turns.length < this.limits.low) this.low.add(name);
    if (first) return first.unit === first.id ? attemptIn(first) : [];
    if (queue?.isWhole) this.remove(name);
    return [];
  }

  private forget(turn: Turn): void {
    this.turns.delete(turn.id);
    if (turn.attempt?.messages) this.messages--;
  }
}

const attemptIn = ({ attempt, detail }: Turn): readonly ScheduleAttempt[] => {
  if (attempt) return [attempt];
  return detail === null ? [] : [attemptOf(JSON.parse(detail) as DueAttemptRow)]; // the host wrote it
};
