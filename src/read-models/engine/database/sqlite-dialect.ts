// Connects Kysely's SQLite dialect to node:sqlite, and keeps prepared statements.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect, type SqliteStatement } from 'kysely';

/** More than the queries have. But a list of ids makes a statement for each of its lengths, so a bound is needed. */
const mostStatements = 500;

/** Prepares each SQL text once. Drops the oldest statements when there are many. */
export class Statements {
  private readonly prepared = new Map<string, StatementSync>();

  constructor(private readonly db: DatabaseSync) {}

  prepare(sql: string): StatementSync {
    let statement = this.prepared.get(sql);
    if (!statement) {
      const [oldest] = this.prepared.size >= mostStatements ? this.prepared.keys() : [];
      if (oldest !== undefined) this.prepared.delete(oldest);
      statement = this.db.prepare(sql);
      this.prepared.set(sql, statement);
    }
    return statement;
  }
}

/** The values of a query. The schemas' types allow only values that SQLite takes. */
export const valuesOf = (parameters: readonly unknown[]) => parameters as SQLInputValue[];

/** @param onError sees the errors of statements, which are thrown all the same */
export const sqliteDialect = (db: DatabaseSync, statements: Statements, onError: (error: unknown) => void = () => undefined) => {
  const watched = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      onError(error);
      throw error;
    }
  };
  return new SqliteDialect({
    database: {
      close: () => db.close(),
      prepare: (sql): SqliteStatement => {
        const statement = watched(() => statements.prepare(sql));
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => watched(() => statement.all(...valuesOf(parameters))),
          run: (parameters) => watched(() => statement.run(...valuesOf(parameters))),
          iterate: (parameters) => watched(() => statement.iterate(...valuesOf(parameters))),
        };
      },
    },
  });
};
