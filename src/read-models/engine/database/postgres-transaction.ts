// Bulk reads and writes on PostgreSQL: one statement for many rows, with each column as one array in PostgreSQL's binary format.
// That saves escaping, quoting and parsing each value, which would be most of the work.
import type { Kysely } from 'kysely';
import type { QueryResult } from 'pg';
import type { Transaction } from './database.ts';
import { withoutNul } from './postgres-connection.ts';

/** PostgreSQL's object id of each column's type, by table and column. */
export type ColumnTypes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** The array types of the types that columns may have, by object id. */
const arrays: Readonly<Record<number, string>> = { 20: 'bigint[]', 23: 'integer[]', 25: 'text[]' };
const int8 = 20;
const text = 25;

/** Encoding these many rows takes a few milliseconds. Then the process can do other work. */
const rowsPerStatement = 1000;

type Statement = { readonly name: string; readonly text: string; readonly values: Buffer[] };
export type Connection = {
  ask(statement: Statement): Promise<QueryResult>;
  /** May resolve before the statement has run. Later statements of the transaction see its effect, or fail as it did. */
  send(statement: Statement): Promise<void>;
};
type Row = Readonly<Record<string, string | number | null>>;
/** Makes a statement's text from the columns and the parameters that hold them. */
type TextOf = (columns: readonly string[], arrays: readonly string[]) => string;

export class PostgresTransaction<S> implements Transaction<S> {
  /** Names of prepared statements, by their text. */
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
    const select = `SELECT ${list(columns)} FROM "${table}" WHERE "${column}" =`;
    return this.ask(table, rowsOf(column, values), (_, [array]) => `${select} ANY(${array})`);
  }

  async findFirst<R>(
    table: string,
    column: string,
    values: readonly unknown[],
    order: string,
    most: number,
    columns: readonly string[],
  ): Promise<R[]> {
    const first = `SELECT ${list(columns)} FROM "${table}" WHERE "${column}" = given.value ORDER BY "${order}" LIMIT ${most}`;
    return this.ask(
      table,
      rowsOf(column, values),
      (_, [array]) => `SELECT found.* FROM unnest(${array}) AS given (value) CROSS JOIN LATERAL (${first}) AS found`,
    );
  }

  private async ask<R>(table: string, given: readonly unknown[], textOf: TextOf): Promise<R[]> {
    const found: R[] = [];
    for (const statement of this.statements(table, given, textOf)) {
      const { rows } = await this.connection.ask(statement);
      found.push(...(rows as R[])); // as the port's types say
    }
    return found;
  }

  private async each(table: string, rows: readonly unknown[], textOf: TextOf): Promise<void> {
    for (const statement of this.statements(table, rows, textOf)) await this.connection.send(statement);
  }

  private *statements(table: string, given: readonly unknown[], textOf: TextOf): Iterable<Statement> {
    const rows = given as readonly Row[]; // as the port's types say
    const [first] = rows;
    if (!first) return;
    const columns = Object.keys(first).map((column) => ({ column, type: this.typeOf(table, column) }));
    const text = textOf(
      columns.map(({ column }) => column),
      columns.map(({ type }, i) => `$${i + 1}::${arrays[type]}`),
    );
    let name = this.names.get(text);
    if (name === undefined) this.names.set(text, (name = `hookledger ${this.names.size}`));
    for (let from = 0; from < rows.length; from += rowsPerStatement) {
      const part = rows.slice(from, from + rowsPerStatement);
      yield { name, text, values: columns.map(({ column, type }) => arrayOf(part, column, type)) };
    }
  }

  private typeOf(table: string, column: string): number {
    const type = this.types.get(table)?.get(column);
    if (type === undefined || arrays[type] === undefined)
      throw new TypeError(`The column ${table}.${column} doesn't exist, or is neither text nor integer nor bigint.`);
    return type;
  }
}

const rowsOf = (column: string, values: readonly unknown[]) => values.map((value) => ({ [column]: value }));
const list = (columns: readonly string[]) => columns.map((column) => `"${column}"`).join(', ');
const others = (columns: readonly string[], keys: readonly string[]) => columns.filter((column) => !keys.includes(column));
const insertFrom = (table: string, columns: readonly string[], arrays: readonly string[]) =>
  `INSERT INTO "${table}" (${list(columns)}) SELECT * FROM unnest(${arrays.join(', ')})`;

/** Bytes of the header of an array of one dimension. */
const header = 20;
/** The length that marks a null. */
const nullLength = -1;

/** Encodes a column of the rows as an array; format: array_recv in PostgreSQL's arrayfuncs.c. Numbers are big-endian. */
const arrayOf = (rows: readonly Row[], column: string, type: number): Buffer => {
  const array = type === text ? textArray(rows, column) : numberArray(rows, column, type === int8 ? 8 : 4);
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(1, 4); // may contain nulls
  array.writeInt32BE(type, 8);
  array.writeInt32BE(rows.length, 12);
  array.writeInt32BE(1, 16); // the first index
  return array;
};

const numberIn = (row: Row, column: string): number | null => {
  const value = row[column] ?? null;
  if (typeof value === 'string') throw new TypeError(`The column ${column} holds numbers, not texts.`);
  return value;
};

const textIn = (row: Row, column: string): string | null => {
  const value = row[column] ?? null;
  if (typeof value === 'number') throw new TypeError(`The column ${column} holds texts, not numbers.`);
  return value;
};

const numberArray = (rows: readonly Row[], column: string, size: 4 | 8): Buffer => {
  const array = Buffer.allocUnsafe(header + rows.length * (4 + size));
  let end = header;
  for (const row of rows) {
    const value = numberIn(row, column);
    end = array.writeInt32BE(value === null ? nullLength : size, end);
    if (value === null) continue;
    if (size === 8) end = array.writeInt32BE(Math.floor(value / 2 ** 32), end);
    end = size === 8 ? array.writeUInt32BE(value >>> 0, end) : array.writeInt32BE(value, end);
  }
  return array.subarray(0, end);
};

/** The most bytes that a UTF-16 code unit can take in UTF-8. */
const mostBytes = 3;

const textArray = (rows: readonly Row[], column: string): Buffer => {
  let room = header;
  for (const row of rows) room += 4 + (textIn(row, column)?.length ?? 0) * mostBytes;
  const array = Buffer.allocUnsafe(room);
  let end = header;
  for (const row of rows) {
    const value = textIn(row, column);
    const length = value === null ? nullLength : array.write(withoutNul(value), end + 4);
    array.writeInt32BE(length, end);
    end += 4 + Math.max(length, 0);
  }
  return array.subarray(0, end);
};
