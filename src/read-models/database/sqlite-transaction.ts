// The verbs of a transaction on SQLite, and how its statements are carried out.
import { setImmediate } from 'node:timers/promises';
import type { SQLInputValue } from 'node:sqlite';
import type { Kysely } from 'kysely';
import type { Transaction } from './database.ts';
import type { Statements } from './sqlite-dialect.ts';

type Row = Readonly<Record<string, SQLInputValue>>;

/** What carries statements out, here or elsewhere. */
export type Carrier = {
  /** Runs the statement for each row, whose columns are its parameters. */
  each(sql: string, columns: readonly string[], rows: readonly Row[]): Promise<void>;
  /** The rows that the statement finds, for each value. */
  find(sql: string, values: readonly SQLInputValue[]): Promise<Row[]>;
};

/** One statement per table and set of columns, run for each row: no SQL is made per row. */
export class SqliteTransaction<S> implements Transaction<S> {
  /** The SQL text by verb, table, keys and columns. */
  private readonly texts = new Map<string, string>();

  constructor(
    private readonly carrier: Carrier,
    readonly kysely: Kysely<S>,
    readonly isLone = false,
  ) {}

  insert(table: string, rows: readonly unknown[]): Promise<void> {
    return this.each('insert', table, [], rows, (columns) => `${insertInto(table, columns)} ON CONFLICT DO NOTHING`);
  }

  upsert(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('upsert', table, keys, rows, (columns) => {
      const set = others(columns, keys).map((column) => `"${column}" = excluded."${column}"`);
      return `${insertInto(table, columns)} ON CONFLICT (${list(keys)}) DO ${set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`}`;
    });
  }

  update(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('update', table, keys, rows, (columns) => {
      const set = others(columns, keys).map((column) => `"${column}" = ?${columns.indexOf(column) + 1}`);
      const where = keys.map((key) => `"${key}" = ?${columns.indexOf(key) + 1}`);
      return `UPDATE "${table}" SET ${set.join(', ')} WHERE ${where.join(' AND ')}`;
    });
  }

  add(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('add', table, keys, rows, (columns) => {
      const sums = others(columns, keys).map((column) => `"${column}" = "${table}"."${column}" + excluded."${column}"`);
      return `${insertInto(table, columns)} ON CONFLICT (${list(keys)}) DO UPDATE SET ${sums.join(', ')}`;
    });
  }

  delete(table: string, column: string, values: readonly unknown[]): Promise<void> {
    const rows = values.map((value) => ({ [column]: value }));
    return this.each('delete', table, [], rows, () => `DELETE FROM "${table}" WHERE "${column}" = ?`);
  }

  async find<R>(table: string, column: string, values: readonly unknown[], columns: readonly string[]): Promise<R[]> {
    if (values.length === 0) return [];
    const sql = `SELECT ${list(columns)} FROM "${table}" WHERE "${column}" = ?`;
    // The port's types say which columns a row has.
    return this.carrier.find(sql, values as readonly SQLInputValue[]) as Promise<unknown[]> as Promise<R[]>;
  }

  private async each(
    verb: string,
    table: string,
    keys: readonly string[],
    rows: readonly unknown[],
    text: (columns: readonly string[]) => string,
  ): Promise<void> {
    // The port's types say that rows hold only values that SQLite takes.
    const [first] = rows as readonly Row[];
    if (!first) return;
    const columns = Object.keys(first);
    const shape = [verb, table, ...keys, '', ...columns].join(' ');
    let sql = this.texts.get(shape);
    if (sql === undefined) this.texts.set(shape, (sql = text(columns)));
    await this.carrier.each(sql, columns, rows as readonly Row[]);
  }
}

/** Rows written before other work of the process gets a turn: some milliseconds. */
const rowsPerTurn = 500;

/** On a connection of this thread. */
export const onConnection = (statements: Statements): Carrier => ({
  async each(sql, columns, rows) {
    const statement = statements.prepare(sql);
    const values = Array.from<SQLInputValue>({ length: columns.length });
    let written = 0;
    for (const row of rows) {
      for (let i = 0; i < columns.length; i++) values[i] = row[columns[i] as string] as SQLInputValue;
      statement.run(...values);
      if (++written % rowsPerTurn === 0) await setImmediate();
    }
  },
  async find(sql, values) {
    const statement = statements.prepare(sql);
    const found: Row[] = [];
    for (const value of values) found.push(...(statement.all(value) as Row[])); // what SQLite gives
    return found;
  },
});

const list = (columns: readonly string[]) => columns.map((column) => `"${column}"`).join(', ');
const others = (columns: readonly string[], keys: readonly string[]) => columns.filter((column) => !keys.includes(column));
const insertInto = (table: string, columns: readonly string[]) =>
  `INSERT INTO "${table}" (${list(columns)}) VALUES (${columns.map(() => '?').join(', ')})`;
