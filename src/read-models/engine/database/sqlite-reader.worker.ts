// A thread that reads an SQLite file for queries: runs one statement after the other, and answers with its rows. Node may run this file by stripping
// its types, so they must be erasable.
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { lowerPriority } from '../../../thread-priority.ts';

export type ReaderWorkerOptions = { readonly file: string };

/** `maxRows` and `maxCharacters`: with more than that, the rest of the rows is left out. */
export type ToReader =
  | {
      readonly sql: string;
      readonly parameters: readonly SQLInputValue[];
      readonly maxRows: number;
      readonly maxCharacters: number;
    }
  | 'close';

/** `values`: of each row, in the order of `columns`. */
export type FromReader =
  | { readonly columns: readonly string[]; readonly values: readonly (readonly SQLOutputValue[])[] }
  | { readonly failed: { readonly message: string; readonly errcode: number | undefined } };

/** A list of ids makes a statement for each of its lengths. */
const maxStatements = 500;

const reader = (db: DatabaseSync) => {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement) return statement;
    const [oldest] = statements.size >= maxStatements ? statements.keys() : [];
    if (oldest !== undefined) statements.delete(oldest);
    statement = db.prepare(sql);
    statement.setReturnArrays(true);
    statements.set(sql, statement);
    return statement;
  };
  return ({ sql, parameters, maxRows, maxCharacters }: Exclude<ToReader, 'close'>): FromReader => {
    try {
      const statement = prepared(sql);
      const columns = statement.columns().map(({ name }) => name);
      const values: SQLOutputValue[][] = [];
      let characters = 0;
      for (const row of statement.iterate(...parameters)) {
        const given = row as unknown as SQLOutputValue[]; // set above; the types say objects
        values.push(given);
        for (const value of given) if (typeof value === 'string') characters += value.length;
        if (values.length > maxRows || characters > maxCharacters) break;
      }
      return { columns, values };
    } catch (error) {
      const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
      return { failed: { message: error instanceof Error ? error.message : String(error), errcode } };
    }
  };
};

if (parentPort) {
  const port = parentPort;
  lowerPriority(5); // what publishers wait for goes first
  const { file } = workerData as ReaderWorkerOptions; // as sqlite-readers.ts passes it
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
  db.exec('PRAGMA cache_size = -8192');
  const read = reader(db);
  port.on('message', (message: ToReader) => {
    if (message !== 'close') return port.postMessage(read(message));
    db.close();
    port.close();
  });
}
