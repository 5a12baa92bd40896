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

export const sqliteDialect = (db: DatabaseSync, statements: Statements) =>
  new SqliteDialect({
    database: {
      close: () => db.close(),
      prepare: (sql): SqliteStatement => {
        const statement = statements.prepare(sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...valuesOf(parameters)),
          run: (parameters) => statement.run(...valuesOf(parameters)),
          iterate: (parameters) => statement.iterate(...valuesOf(parameters)),
        };
      },
    },
  });
