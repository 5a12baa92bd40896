// The thread that writes a build in an SQLite file: runs statements in order and answers when a transaction is committed. Another thread computes the
// rows meanwhile. Node may run this file by stripping its types, so they must be erasable.
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { runEach, type RowStatement } from './sqlite-rows.ts';

export type BuildWorkerOptions = { readonly file: string };

/** `values`: of all rows, `width` values each. */
export type ToBuild =
  | { readonly kind: 'each'; readonly statement: RowStatement; readonly width: number; readonly values: readonly SQLInputValue[] }
  | { readonly kind: 'exec'; readonly sql: string; readonly id?: number }
  /** Answers with the rows found for each value. */
  | { readonly kind: 'find'; readonly sql: string; readonly values: readonly SQLInputValue[]; readonly id: number }
  | { readonly kind: 'ask'; readonly sql: string; readonly parameters: readonly SQLInputValue[]; readonly id: number }
  | 'close';

/** Answers orders that have an id. After a failure, rolls back and ignores further orders. */
export type FromBuild =
  | { readonly id: number; readonly rows: Record<string, SQLOutputValue>[] }
  | { readonly failed: { readonly message: string; readonly errcode: number | undefined } };

const serve = (db: DatabaseSync, answer: (message: FromBuild) => void) => {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = db.prepare(sql)));
    return statement;
  };
  const run = (order: Exclude<ToBuild, 'close'>): void => {
    switch (order.kind) {
      case 'each':
        return runEach(prepared, order.statement, order.width, order.values);
      case 'exec':
        db.exec(order.sql);
        if (order.id !== undefined) answer({ id: order.id, rows: [] });
        return;
      case 'find': {
        const statement = prepared(order.sql);
        return answer({ id: order.id, rows: order.values.flatMap((value) => statement.all(value)) });
      }
      case 'ask':
        return answer({ id: order.id, rows: prepared(order.sql).all(...order.parameters) });
    }
  };
  let failed = false;
  return (order: Exclude<ToBuild, 'close'>): void => {
    if (failed) return;
    try {
      run(order);
    } catch (error) {
      failed = true;
      if (db.isTransaction) db.exec('ROLLBACK');
      const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
      answer({ failed: { message: error instanceof Error ? error.message : String(error), errcode } });
    }
  };
};

if (parentPort) {
  const port = parentPort;
  const { file } = workerData as BuildWorkerOptions; // as sqlite-build.ts passes it
  const db = new DatabaseSync(file, { timeout: 5000 });
  // Most pages are new. A rollback journal holds only old pages; a WAL would hold each page once more. Nothing reads the file meanwhile.
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536');
  const run = serve(db, (message) => port.postMessage(message));
  port.on('message', (order: ToBuild) => {
    if (order !== 'close') return run(order);
    db.close();
    port.close();
  });
}
