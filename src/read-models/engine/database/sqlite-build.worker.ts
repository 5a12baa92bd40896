// The thread that writes a build of an SQLite namespace: it carries out statements, in order, and says when a transaction is committed. What the rows
// are is worked out elsewhere meanwhile. Node may run this file by stripping its types, so they must be erasable.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { runEach, type RowStatement } from './sqlite-rows.ts';

export type BuildWorkerOptions = { readonly file: string };

/** `values`: those of rows, `width` of each. */
export type ToBuild =
  | { readonly kind: 'each'; readonly statement: RowStatement; readonly width: number; readonly values: readonly SQLInputValue[] }
  | { readonly kind: 'exec'; readonly sql: string; readonly id?: number }
  /** For each value, the rows that it finds. */
  | { readonly kind: 'find'; readonly sql: string; readonly values: readonly SQLInputValue[]; readonly id: number }
  | { readonly kind: 'ask'; readonly sql: string; readonly parameters: readonly SQLInputValue[]; readonly id: number }
  | 'close';

/** To what has an id. After a failure nothing is carried out any more, and what was begun is rolled back. */
export type FromBuild =
  | { readonly id: number; readonly rows: readonly unknown[] }
  | { readonly failed: { readonly message: string; readonly errcode: number | undefined } };

const serve = (db: DatabaseSync, answer: (message: FromBuild) => void) => {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = db.prepare(sql)));
    return statement;
  };
  const carryOut = (order: Exclude<ToBuild, 'close'>): void => {
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
      carryOut(order);
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
  const { file } = workerData as BuildWorkerOptions; // what sqlite-build.ts starts it with
  const db = new DatabaseSync(file, { timeout: 5000 });
  // Most pages are new: a rollback journal has only the old ones, where a WAL has each page once more. Nobody reads meanwhile.
  db.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536');
  const carryOut = serve(db, (message) => port.postMessage(message));
  port.on('message', (order: ToBuild) => {
    if (order !== 'close') return carryOut(order);
    db.close();
    port.close();
  });
}
