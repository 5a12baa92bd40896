// A table of the views as data: typed columns, primary key and indexes, from which it is created.
import type { Kysely } from 'kysely';
import type { Int64Type } from '../../engine/database/database.ts';

/** `int64`: times, sequences, counters. `integer`: small numbers and flags. `?`: may be null. */
type ColumnType<Value> = null extends Value ? `${NotNullType<NonNullable<Value>>}?` : NotNullType<Value>;
type NotNullType<Value> = Value extends number ? 'integer' | 'int64' : 'text';

export type Table<Row> = {
  readonly columns: { readonly [C in keyof Row & string]: ColumnType<Row[C]> };
  readonly primaryKey: readonly (keyof Row & string)[];
  readonly indexes?: readonly Index<keyof Row & string>[];
};

type Index<Column extends string> = {
  /** Left out: `<table>_index_<n>`, counted from 1. */
  readonly name?: string;
  readonly columns: readonly Column[];
  /** Holds only the rows where this column is not null. */
  readonly whereNotNull?: Column;
  /** Holds only the rows where a column has this number. It serves queries that name the number in their text. */
  readonly whereIs?: readonly [Column, number];
  /** Reducers find no row by it, so a rebuild may create it at its end. */
  readonly queriesOnly?: true;
};

export type RowOf<T> = T extends Table<infer Row> ? Row : never;

/** Milliseconds since 1970. */
export type Milliseconds = number;

/** Events that were committed together have the same time. */
let lastTime: { readonly text: string; readonly milliseconds: Milliseconds } = { text: '', milliseconds: Number.NaN };

/** @param text ISO 8601, as in the log */
export const momentOf = (text: string): Milliseconds => {
  if (text !== lastTime.text) lastTime = { text, milliseconds: Date.parse(text) };
  return lastTime.milliseconds;
};

export type Flag = 0 | 1;

/** A table without its row type, as the functions below read it. */
export type AnyTable = {
  readonly columns: Readonly<Record<string, string>>;
  readonly primaryKey: readonly string[];
  readonly indexes?: readonly Index<string>[];
};

const indexName = (table: string, n: number, { name }: Index<string>) => name ?? `${table}_index_${n + 1}`;

export const createTable = async ({ schema }: Pick<Kysely<never>, 'schema'>, name: string, table: AnyTable, int64: Int64Type) => {
  const [key, ...others] = table.primaryKey;
  let creation = schema.createTable(name);
  for (const [column, type] of Object.entries(table.columns)) {
    const isNullable = type.endsWith('?');
    const base = type.replace('?', '');
    const sqlType = base === 'int64' ? int64 : base === 'integer' ? 'integer' : 'text';
    creation = creation.addColumn(column, sqlType, (built) =>
      column === key && others.length === 0 ? built.primaryKey() : isNullable ? built : built.notNull(),
    );
  }
  if (others.length > 0) creation = creation.addPrimaryKeyConstraint(`${name}_key`, [...table.primaryKey] as never[]);
  await creation.execute();
  for (const [i, index] of (table.indexes ?? []).entries()) {
    const made = schema
      .createIndex(indexName(name, i, index))
      .on(name)
      .columns([...index.columns]);
    const { whereNotNull, whereIs } = index;
    if (whereNotNull !== undefined) await made.where(whereNotNull, 'is not', null).execute();
    else if (whereIs) await made.where(whereIs[0], '=', whereIs[1]).execute();
    else await made.execute();
  }
};

/** The names of the indexes that reducers do without. */
export const queryIndexesOf = (name: string, { indexes = [] }: AnyTable): string[] =>
  indexes.flatMap((index, i) => (index.queriesOnly ? [indexName(name, i, index)] : []));
