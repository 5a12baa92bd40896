// Bulk reads and writes on SQLite, and running their statements on a connection of this thread.
import { setImmediate } from 'node:timers/promises';
import type { SQLInputValue } from 'node:sqlite';
import type { Kysely } from 'kysely';
import type { Transaction } from './database.ts';
import { valuesOf, type Statements } from './sqlite-dialect.ts';
import { flatten, rowsAtOnce, runEach, type Row, type RowStatement } from './sqlite-rows.ts';

/** Runs statements in this thread or in another one. */
type StatementRunner = {
  /** Runs the statement for each row. Its parameters are the row's columns. */
  each(statement: RowStatement, columns: readonly string[], rows: readonly Row[]): Promise<void>;
  /** Returns the rows that the statement finds for each value. */
  find(sql: string, values: readonly SQLInputValue[]): Promise<readonly unknown[]>;
};

/** Makes one statement per verb, table and set of columns: never SQL per row. */
export class SqliteTransaction<S> implements Transaction<S> {
  /** By verb, table, keys and columns. */
  private readonly statements = new Map<string, RowStatement>();

  constructor(
    private readonly runner: StatementRunner,
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
      const change = set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`;
      return { one: `${insertInto(table, columns)} ON CONFLICT (${list(keys)}) DO ${change}` };
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
    return (await this.runner.find(sql, valuesOf(values))) as R[]; // as the port's types say
  }

  async findFirst<R>(
    table: string,
    column: string,
    values: readonly unknown[],
    order: string,
    most: number,
    columns: readonly string[],
  ): Promise<R[]> {
    if (values.length === 0) return [];
    const sql = `SELECT ${list(columns)} FROM "${table}" WHERE "${column}" = ? ORDER BY "${order}" LIMIT ${most}`;
    return (await this.runner.find(sql, valuesOf(values))) as R[]; // as the port's types say
  }

  private async each(
    verb: string,
    table: string,
    keys: readonly string[],
    given: readonly unknown[],
    statementFor: (columns: readonly string[]) => RowStatement,
  ): Promise<void> {
    const rows = given as readonly Row[]; // the port's types allow only values that SQLite takes
    const [first] = rows;
    if (!first) return;
    const columns = Object.keys(first);
    const shape = [verb, table, ...keys, '', ...columns].join(' ');
    let statement = this.statements.get(shape);
    if (!statement) this.statements.set(shape, (statement = statementFor(columns)));
    await this.runner.each(statement, columns, rows);
  }
}

/** Writing these many rows takes some milliseconds. Then the process can do other work. */
const rowsPerTurn = 16 * rowsAtOnce;

export const statementsOn = (statements: Statements): StatementRunner => ({
  async each(statement, columns, rows) {
    for (let from = 0; from < rows.length; from += rowsPerTurn) {
      if (from > 0) await setImmediate();
      const values = flatten(columns, rows.slice(from, from + rowsPerTurn));
      runEach((sql) => statements.prepare(sql), statement, columns.length, values);
    }
  },
  async find(sql, values) {
    const statement = statements.prepare(sql);
    return values.flatMap((value) => statement.all(value));
  },
});

const list = (columns: readonly string[]) => columns.map((column) => `"${column}"`).join(', ');
const others = (columns: readonly string[], keys: readonly string[]) => columns.filter((column) => !keys.includes(column));
/** OR FAIL: a refused row ends the transaction anyway, so SQLite need not prepare to undo the statement alone. */
const insertInto = (table: string, columns: readonly string[], count = 1) => {
  const row = `(${columns.map(() => '?').join(', ')})`;
  return `INSERT OR FAIL INTO "${table}" (${list(columns)}) VALUES ${Array.from({ length: count }, () => row).join(', ')}`;
};
