// What one operation may read: rows, events, bytes and time. An operation runs its reads inside its budget, and whatever reads for it counts there;
// reads outside of any budget, such as those of commands, are not bounded.
import { AsyncLocalStorage } from 'node:async_hooks';

const limits = { rows: 50_000, rowsAtOnce: 10_000, events: 10_000, bytes: 32 * 1024 * 1024, answerBytes: 12 * 1024 * 1024, seconds: 15 };

/** The operation may read no more. The message says what to ask for instead. */
export class ReadBudgetSpent extends Error {
  override name = 'ReadBudgetSpent';
  constructor(
    readonly reason: 'size' | 'time',
    message: string,
  ) {
    super(message);
  }
}

const tooLarge = (what: string) =>
  new ReadBudgetSpent(
    'size',
    `The query needs more than ${what}; ask for fewer rows with \`first\`, for less of each, or in several queries.`,
  );

const current = new AsyncLocalStorage<ReadBudget | undefined>();

let operations = 0;

export class ReadBudget {
  /** What its reads take turns by. */
  readonly turn: string;
  private rows = 0;
  private events = 0;
  private bytes = 0;
  private answerBytes = 0;
  private endsAt = performance.now() + limits.seconds * 1000;

  /** @param organization whose operation it is; left out: nobody's */
  constructor(organization = '') {
    this.turn = `${organization}/${++operations}`;
  }

  static get current(): ReadBudget | undefined {
    return current.getStore();
  }

  /** The turn of the operation that reads now; a turn of their own for reads outside of any. */
  static get currentTurn(): string {
    return current.getStore()?.turn ?? `/${++operations}`;
  }

  /** Runs reads that no budget bounds. */
  static exempt<T>(work: () => T): T {
    return current.run(undefined, work);
  }

  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  /** Starts over: for an operation that goes on while things change. */
  renew(): void {
    this.rows = this.events = this.bytes = this.answerBytes = 0;
    this.endsAt = performance.now() + limits.seconds * 1000;
  }

  /** Call it before a read. @throws ReadBudgetSpent */
  check(): void {
    if (performance.now() > this.endsAt)
      throw new ReadBudgetSpent(
        'time',
        `The query took longer than ${limits.seconds} s; ask for fewer rows with \`first\`, for a shorter time, or again later.`,
      );
    if (this.rows > limits.rows) throw tooLarge(`${limits.rows} rows of the views`);
    if (this.events > limits.events) throw tooLarge(`${limits.events} events of the log`);
    if (this.bytes > limits.bytes) throw tooLarge(`${limits.bytes / 1024 / 1024} MiB of the views and the log`);
    if (this.answerBytes > limits.answerBytes) throw tooLarge(`an answer of ${limits.answerBytes / 1024 / 1024} MiB`);
  }

  /** How many more rows a statement may return, and how many characters of text. */
  get remaining(): { readonly rows: number; readonly characters: number } {
    return { rows: Math.min(limits.rows - this.rows, limits.rowsAtOnce), characters: limits.bytes - this.bytes };
  }

  /** @throws ReadBudgetSpent */
  countRows(rows: readonly Readonly<Record<string, unknown>>[]): void {
    if (rows.length > limits.rowsAtOnce) throw tooLarge(`${limits.rowsAtOnce} rows of the views at once`);
    this.rows += rows.length;
    for (const row of rows) for (const name in row) if (typeof row[name] === 'string') this.bytes += row[name].length;
    this.check();
  }

  /** @throws ReadBudgetSpent */
  countEvents(events: readonly { readonly data: unknown }[]): void {
    this.events += events.length;
    for (const { data } of events) this.bytes += lengthOf(data);
    this.check();
  }

  /** @param value of a field of the answer @throws ReadBudgetSpent */
  countAnswer(value: unknown): void {
    const length = lengthOf(value);
    this.answerBytes += length;
    if (length > 1024 || this.answerBytes > limits.answerBytes) this.check();
  }
}

/** About how long a value is as JSON. */
const lengthOf = (value: unknown): number => {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 6;
  let length = 2;
  if (Array.isArray(value)) for (const item of value) length += 1 + lengthOf(item);
  else for (const [key, item] of Object.entries(value)) length += key.length + 4 + lengthOf(item);
  return length;
};
