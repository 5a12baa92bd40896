// The verbs of a transaction on SQLite, and how its statements are carried out.
import { setImmediate } from 'node:timers/promises';
import type { SQLInputValue } from 'node:sqlite';
import type { Kysely } from 'kysely';
import type { Transaction } from './database.ts';
import type { Statements } from './sqlite-dialect.ts';
import { flat, rowsAtOnce, runEach, type Row, type RowStatement } from './sqlite-rows.ts';

/** What carries statements out, here or elsewhere. */
export type StatementRunner = {
  /** Runs the statement for each row, whose columns are its parameters. */
  each(statement: RowStatement, columns: readonly string[], rows: readonly Row[]): Promise<void>;
  /** The rows that the statement finds, for each value. */
  find(sql: string, values: readonly SQLInputValue[]): Promise<Row[]>;
};

/** One statement per table and set of columns: no SQL is made per row. */
export class SqliteTransaction<S> implements Transaction<S> {
  /** By verb, table, keys and columns. */
  private readonly statements = new Map<string, RowStatement>();

  constructor(
    private readonly carrier: StatementRunner,
    readonly kysely: Kysely<S>,
    readonly isOnlyWriter = false,
  ) {}

  insert(table: string, rows: readonly unknown[]): Promise<void> {
    const insert = (columns: readonly string[], count: number) => `${insertInto(table, columns, count)} ON CONFLICT DO NOTHING`;
    return this.each('insert', table, [], rows, (columns) => ({ one: insert(columns, 1), many: insert(columns, rowsAtOnce) }));
  }

  upsert(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('upsert', table, keys, rows, (columns) => {
      const set = others(columns, keys).map((column) => `"${column}" = excluded."${column}"`);
      const what = set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`;
      return { one: `${insertInto(table, columns)} ON CONFLICT (${list(keys)}) DO ${what}` };
    });
  }

  update(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('update', table, keys, rows, (columns) => {
      const set = others(columns, keys).map((column) => `"${column}" = ?${columns.indexOf(column) + 1}`);
      const where = keys.map((key) => `"${key}" = ?${columns.indexOf(key) + 1}`);
      return { one: `UPDATE "${table}" SET ${set.join(', ')} WHERE ${where.join(' AND ')}` };
    });
  }

  add(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each('add', table, keys, rows, (columns) => {
      const sums = others(columns, keys).map((column) => `"${column}" = "${table}"."${column}" + excluded."${column}"`);
      return { one: `${insertInto(table, columns)} ON CONFLICT (${list(keys)}) DO UPDATE SET ${sums.join(', ')}` };
    });
  }

  delete(table: string, column: string, values: readonly unknown[]): Promise<void> {
    const rows = values.map((value) => ({ [column]: value }));
    return this.each('delete', table, [], rows, () => ({ one: `DELETE FROM "${table}" WHERE "${column}" = ?` }));
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
    made: (columns: readonly string[]) => RowStatement,
  ): Promise<void> {
    // The port's types say that rows hold only values that SQLite takes.
    const [first] = rows as readonly Row[];
    if (!first) return;
    const columns = Object.keys(first);
    const shape = [verb, table, ...keys, '', ...columns].join(' ');
    let statement = this.statements.get(shape);
    if (!statement) this.statements.set(shape, (statement = made(columns)));
    await this.carrier.each(statement, columns, rows as readonly Row[]);
  }
}

/** Rows written before other work of the process gets a turn: some milliseconds. */
const rowsPerTurn = 16 * rowsAtOnce;

/** On a connection of this thread. */
export const onConnection = (statements: Statements): StatementRunner => ({
  async each(statement, columns, rows) {
    for (let from = 0; from < rows.length; from += rowsPerTurn) {
      if (from > 0) await setImmediate();
      const values = flat(columns, rows.slice(from, from + rowsPerTurn));
      runEach((sql) => statements.prepare(sql), statement, columns.length, values);
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
/** A row that is refused ends the transaction, so that what the statement did before need not be kept to be undone: FAIL. */
const insertInto = (table: string, columns: readonly string[], count = 1) => {
  const row = `(${columns.map(() => '?').join(', ')})`;
  return `INSERT OR FAIL INTO "${table}" (${list(columns)}) VALUES ${Array.from({ length: count }, () => row).join(', ')}`;
};
