// The verbs of a transaction on PostgreSQL: one statement for many rows, each column one array in PostgreSQL's binary form.
// No value is escaped, quoted or parsed on its way, which is most of the work otherwise.
import type { Kysely } from 'kysely';
import type { QueryResult } from 'pg';
import type { Transaction } from './database.ts';
import { withoutNul } from './postgres-connection.ts';

/** By table and column: the type, as an object id of PostgreSQL. */
export type ColumnTypes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The types that columns may have, by object id, and the arrays of them. */
const arrays: Readonly<Record<number, string>> = { 20: 'bigint[]', 23: 'integer[]', 25: 'text[]' };
const int8 = 20;
const text = 25;

/** Rows of one statement: encoding them takes a few milliseconds, and then other work of the process gets a turn. */
const rowsPerStatement = 1000;

type Statement = { readonly name: string; readonly text: string; readonly values: Buffer[] };
export type Connection = {
  ask(statement: Statement): Promise<QueryResult>;
  /** May resolve before the statement is carried out; what comes later in the transaction sees what it did, or fails as it did. */
  send(statement: Statement): Promise<void>;
};
type Row = Readonly<Record<string, string | number | null>>;
/** A statement's text, by the columns and by the parameters that hold them. */
type Text = (columns: readonly string[], arrays: readonly string[]) => string;

export class PostgresTransaction<S> implements Transaction<S> {
  /** The names that statements are prepared under, by their text. */
  private readonly names = new Map<string, string>();

  constructor(
    private readonly connection: Connection,
    private readonly types: ColumnTypes,
    readonly kysely: Kysely<S>,
  ) {}

  insert(table: string, rows: readonly unknown[]): Promise<void> {
    return this.each(table, rows, (columns, arrays) => `${insertFrom(table, columns, arrays)} ON CONFLICT DO NOTHING`);
  }

  upsert(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each(table, rows, (columns, arrays) => {
      const set = others(columns, keys).map((column) => `"${column}" = excluded."${column}"`);
      const change = set.length === 0 ? 'NOTHING' : `UPDATE SET ${set.join(', ')}`;
      return `${insertFrom(table, columns, arrays)} ON CONFLICT (${list(keys)}) DO ${change}`;
    });
  }

  update(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each(table, rows, (columns, arrays) => {
      const set = others(columns, keys).map((column) => `"${column}" = given."${column}"`);
      const same = keys.map((key) => `"${table}"."${key}" = given."${key}"`);
      const given = `unnest(${arrays.join(', ')}) AS given (${list(columns)})`;
      return `UPDATE "${table}" SET ${set.join(', ')} FROM ${given} WHERE ${same.join(' AND ')}`;
    });
  }

  add(table: string, keys: readonly string[], rows: readonly unknown[]): Promise<void> {
    return this.each(table, rows, (columns, arrays) => {
      const sums = others(columns, keys).map((column) => `"${column}" = "${table}"."${column}" + excluded."${column}"`);
      return `${insertFrom(table, columns, arrays)} ON CONFLICT (${list(keys)}) DO UPDATE SET ${sums.join(', ')}`;
    });
  }

  delete(table: string, column: string, values: readonly unknown[]): Promise<void> {
    return this.each(table, rowsOf(column, values), (_, [array]) => `DELETE FROM "${table}" WHERE "${column}" = ANY(${array})`);
  }

  async find<R>(table: string, column: string, values: readonly unknown[], columns: readonly string[]): Promise<R[]> {
    const found: R[] = [];
    const select = `SELECT ${list(columns)} FROM "${table}" WHERE "${column}" =`;
    for (const statement of this.statements(table, rowsOf(column, values), (_, [array]) => `${select} ANY(${array})`)) {
      const { rows } = await this.connection.ask(statement);
      found.push(...(rows as R[])); // the port's types say which columns a row has
    }
    return found;
  }

  private async each(table: string, rows: readonly unknown[], text: Text): Promise<void> {
    for (const statement of this.statements(table, rows, text)) await this.connection.send(statement);
  }

  private *statements(table: string, given: readonly unknown[], textOf: Text): Iterable<Statement> {
    const rows = given as readonly Row[]; // the port's types say so
    const [first] = rows;
    if (!first) return;
    const columns = Object.keys(first);
    const types = columns.map((column) => this.typeOf(table, column));
    const text = textOf(
      columns,
      types.map((type, i) => `$${i + 1}::${arrays[type]}`),
    );
    let name = this.names.get(text);
    if (name === undefined) this.names.set(text, (name = `hookledger ${this.names.size}`));
    for (let from = 0; from < rows.length; from += rowsPerStatement) {
      const part = rows.slice(from, from + rowsPerStatement);
      yield { name, text, values: columns.map((column, i) => arrayOf(part, column, types[i] as number)) };
    }
  }

  private typeOf(table: string, column: string): number {
    const type = this.types.get(table)?.get(column);
    if (type === undefined || arrays[type] === undefined)
      throw new TypeError(`The column ${table}.${column} is not there, or is neither text nor integer nor bigint.`);
    return type;
  }
}

const rowsOf = (column: string, values: readonly unknown[]) => values.map((value) => ({ [column]: value }));
const list = (columns: readonly string[]) => columns.map((column) => `"${column}"`).join(', ');
const others = (columns: readonly string[], keys: readonly string[]) => columns.filter((column) => !keys.includes(column));
const insertFrom = (table: string, columns: readonly string[], arrays: readonly string[]) =>
  `INSERT INTO "${table}" (${list(columns)}) SELECT * FROM unnest(${arrays.join(', ')})`;

/** One dimension, counted from 1. */
const header = 20;
const nothing = -1;

/** A column of the rows as an array; source: array_recv in PostgreSQL's arrayfuncs.c. Numbers are big-endian. */
const arrayOf = (rows: readonly Row[], column: string, type: number): Buffer => {
  const array = type === text ? textArray(rows, column) : numberArray(rows, column, type === int8 ? 8 : 4);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(1, 4); // there may be nulls
  array.writeInt32BE(type, 8);
  array.writeInt32BE(rows.length, 12);
  array.writeInt32BE(1, 16);
  return array;
};

const numberArray = (rows: readonly Row[], column: string, size: 4 | 8): Buffer => {
  const array = Buffer.allocUnsafe(header + rows.length * (4 + size));
  let end = header;
  for (const row of rows) {
    const value = row[column] as number | null;
    end = array.writeInt32BE(value === null ? nothing : size, end);
    if (value === null) continue;
    if (size === 8) end = array.writeInt32BE(Math.floor(value / 2 ** 32), end);
    end = size === 8 ? array.writeUInt32BE(value >>> 0, end) : array.writeInt32BE(value, end);
  }
  return array.subarray(0, end);
};

/** Bytes that a character may take, at most, of those that JavaScript counts. */
const mostBytes = 3;

const textArray = (rows: readonly Row[], column: string): Buffer => {
  let room = header;
  for (const row of rows) room += 4 + ((row[column] as string | null)?.length ?? 0) * mostBytes;
  const array = Buffer.allocUnsafe(room);
  let end = header;
  for (const row of rows) {
    const value = row[column] as string | null;
    const length = value === null ? nothing : array.write(withoutNul(value), end + 4);
    array.writeInt32BE(length, end);
    end += 4 + Math.max(length, 0);
  }
  return array.subarray(0, end);
};
