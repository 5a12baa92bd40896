// A build of an SQLite namespace, written by a thread of its own: while that one writes a batch, the next is read and reduced here, unless it has to ask
// what was written before.
// Guarantee: as any namespace's; rows and checkpoint commit together. Limit: a transaction may be answered before it is committed; what went wrong
// with it is thrown by a later one, by `checkpoint` or by `close`, and nothing after it is written.
import { Worker } from 'node:worker_threads';
import type { SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteQueryCompiler, type CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import type { Position } from '../../../domain/ids.ts';
import type { CheckpointSchema, NextTables, ReadOnlyTables, Transaction } from './database.ts';
import type { BuildWorkerOptions, FromBuild, ToBuild } from './sqlite-build.worker.ts';
import { flat, type Row } from './sqlite-rows.ts';
import { SqliteTransaction } from './sqlite-transaction.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './sqlite-build.worker.ts' : './sqlite-build.worker.js', import.meta.url);

/** Transactions that are not committed yet: one is written, the next is on its way. */
const mostUnderWay = 2;

const setCheckpoint = { one: 'INSERT INTO checkpoint VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position' };

export class SqliteBuild<S extends CheckpointSchema> implements NextTables<S> {
  readonly build = -1; // it has no number yet
  readonly read: Kysely<S>;
  private readonly worker: Worker;
  private readonly tx: SqliteTransaction<S>;
  private readonly waiting = new Map<number, PromiseWithResolvers<readonly unknown[]>>();
  private readonly ended: Promise<unknown>;
  private failure: Error | undefined;
  private asked = 0;
  private underWay: Promise<unknown>[] = [];
  private last: Promise<unknown> = Promise.resolve();

  /** @param reader of the same file, which has its tables. `onClose`: when all is written and the file is closed */
  constructor(
    file: string,
    private readonly reader: ReadOnlyTables<S>,
    private readonly onClose: () => void,
  ) {
    this.read = reader.read;
    this.worker = new Worker(workerFile, { workerData: { file } satisfies BuildWorkerOptions });
    this.worker.on('message', (message: FromBuild) => this.heard(message));
    this.worker.on('error', (error: Error) => this.fail(error));
    this.ended = new Promise((resolve) => this.worker.once('exit', resolve));
    this.tx = new SqliteTransaction<S>(
      {
        each: async (statement, columns, rows) =>
          this.post({ kind: 'each', statement, width: columns.length, values: flat(columns, rows) }),
        find: (sql, values) => this.ask({ kind: 'find', sql, values }),
      },
      new Kysely<S>({
        dialect: {
          createAdapter: () => new SqliteAdapter(),
          createQueryCompiler: () => new SqliteQueryCompiler(),
          createIntrospector: () => {
            throw new Error('The tables of a build are not looked into.');
          },
          createDriver: () => new BuildDriver((sql, parameters) => this.ask({ kind: 'ask', sql, parameters })),
        },
      }),
      true,
    );
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.carryOut(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async carryOut<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    this.post({ kind: 'exec', sql: 'BEGIN IMMEDIATE' });
    let result: T;
    try {
      result = await work(this.tx);
    } catch (error) {
      this.post({ kind: 'exec', sql: 'ROLLBACK' });
      throw error;
    }
    if (checkpoint !== undefined) this.post({ kind: 'each', statement: setCheckpoint, width: 1, values: [checkpoint] });
    const committed = this.ask({ kind: 'exec', sql: 'COMMIT' });
    committed.catch(() => undefined); // `failure` has it
    this.underWay.push(committed);
    if (this.underWay.length >= mostUnderWay) await this.underWay.shift();
    return result;
  }

  /** Once all that was asked for before is committed. */
  async checkpoint(): Promise<Position | undefined> {
    await this.last;
    const [row] = await this.ask({ kind: 'ask', sql: 'SELECT position FROM checkpoint', parameters: [] });
    return row?.['position'] as Position | undefined; // the column is this one
  }

  /** Takes away indexes that are cheaper to make at the end, of a build that begins; what they were is kept beside the tables. */
  async putOff(indexes: readonly string[]): Promise<void> {
    const names = indexes.map((name) => `'${name}'`).join(', ');
    await this.ask({
      kind: 'exec',
      sql: `BEGIN IMMEDIATE; CREATE TABLE put_off AS SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND name IN (${names});
            ${indexes.map((name) => `DROP INDEX IF EXISTS "${name}"`).join('; ')}; COMMIT`,
    });
  }

  async complete(): Promise<void> {
    await this.last;
    const ask = (sql: string) => this.ask({ kind: 'ask', sql, parameters: [] });
    if ((await ask(`SELECT 1 FROM sqlite_schema WHERE name = 'put_off'`)).length === 0) return;
    const indexes = (await ask('SELECT sql FROM put_off')).map(({ sql }) => `${sql as string};`);
    await this.ask({ kind: 'exec', sql: `BEGIN IMMEDIATE; ${indexes.join(' ')} DROP TABLE put_off; COMMIT` });
  }

  hasNewerBuild(): Promise<boolean> {
    return Promise.resolve(false); // nobody knows it yet
  }

  async close(): Promise<void> {
    await this.last;
    await this.reader.close();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.worker.postMessage('close' satisfies ToBuild);
    await this.ended;
    this.onClose();
    if (this.failure) throw this.failure;
  }

  private ask(order: DistributiveOmit<Exclude<ToBuild, 'close'>, 'id'>): Promise<Row[]> {
    const id = ++this.asked;
    const answer = Promise.withResolvers<readonly unknown[]>();
    if (this.failure) answer.reject(this.failure);
    else this.waiting.set(id, answer);
    this.post({ ...order, id } as ToBuild);
    return answer.promise as Promise<Row[]>; // rows of SQLite
  }

  private post(order: ToBuild): void {
    if (this.failure) throw this.failure;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.worker.postMessage(order);
  }

  private heard(message: FromBuild): void {
    if ('failed' in message) {
      const { message: sentence, errcode } = message.failed;
      return this.fail(Object.assign(new Error(sentence), errcode === undefined ? {} : { errcode }));
    }
    this.waiting.get(message.id)?.resolve(message.rows);
    this.waiting.delete(message.id);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const answer of this.waiting.values()) answer.reject(this.failure);
    this.waiting.clear();
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Kysely's way to the thread: one connection, in the middle of a transaction. */
class BuildDriver {
  private readonly connection: DatabaseConnection;

  constructor(ask: (sql: string, parameters: readonly SQLInputValue[]) => Promise<Row[]>) {
    this.connection = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => ({
        rows: (await ask(sql, parameters as readonly SQLInputValue[])) as R[], // as Kysely's types say
      }),
      streamQuery: () => {
        throw new Error('Rows of a build are not streamed.');
      },
    };
  }

  async init() {}
  async acquireConnection() {
    return this.connection;
  }
  async beginTransaction() {
    throw new Error('It is in a transaction already.');
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}
