// node:sqlite behind Kysely's SQLite dialect, with its prepared statements kept.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect, type SqliteStatement } from 'kysely';

/** More distinct statements than the queries have; a list of ids as a parameter makes one for each of its lengths. */
const mostStatements = 500;

/** Prepares each text once. The oldest are let go when there are many. */
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

// Kysely passes what the query was given; the schema's types hold nothing that SQLite does not take.
const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];

export const sqliteDialect = (db: DatabaseSync, statements: Statements) =>
  new SqliteDialect({
    database: {
      close: () => db.close(),
      prepare: (sql): SqliteStatement => {
        const statement = statements.prepare(sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        };
      },
    },
  });
