// Binding rows to SQLite statements: all values in one array, and a statement for many rows where there is one.
// Threads import this file, and Node may run it by stripping its types, so they must be erasable.
import type { SQLInputValue, StatementSync } from 'node:sqlite';

export type Row = Readonly<Record<string, SQLInputValue>>;

/** Statements for one row and for `rowsAtOnce`, which cost a quarter less per row, as SQLite opens tables and indexes once. */
export type RowStatement = { readonly one: string; readonly many?: string | undefined };

export const rowsAtOnce = 32;

/** The values of all rows, row by row. All rows must have these columns. */
export const flatten = (columns: readonly string[], rows: readonly Row[]): SQLInputValue[] => {
  const width = columns.length;
  const values = Array.from<SQLInputValue>({ length: rows.length * width });
  // Column by column: each property is then found at the same place in every row.
  for (const [i, column] of columns.entries()) for (let n = 0; n < rows.length; n++) values[n * width + i] = rows[n]?.[column] ?? null;
  return values;
};

/** Runs the statement for each row of `width` values. */
export const runEach = (
  prepare: (sql: string) => StatementSync,
  { one, many }: RowStatement,
  width: number,
  values: readonly SQLInputValue[],
): void => {
  let from = 0;
  const atOnce = rowsAtOnce * width;
  if (many !== undefined && values.length >= atOnce)
    for (const statement = prepare(many); from + atOnce <= values.length; from += atOnce)
      statement.run(...values.slice(from, from + atOnce));
  if (from < values.length)
    for (const statement = prepare(one); from < values.length; from += width) statement.run(...values.slice(from, from + width));
};
