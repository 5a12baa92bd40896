// The next build of a consumer's tables in an SQLite file, written by a thread of its own. While the thread writes a batch, this thread reads and reduces
// the next one, unless that needs rows written before.
// Guarantee: rows and checkpoint commit together. Limit: a transaction may be answered before it is committed. A failure is thrown by a later transaction,
// by `checkpoint` or by `close`, and nothing after it is written.
import { Worker } from 'node:worker_threads';
import type { SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteQueryCompiler, type CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import type { Position } from '../../../domain/ids.ts';
import type { CheckpointSchema, NextTables, ReadOnlyTables, Transaction } from './database.ts';
import type { BuildWorkerOptions, FromBuild, ToBuild } from './sqlite-build.worker.ts';
import { checkpointFrom, selectCheckpoint, setCheckpoint } from './sqlite-checkpoint.ts';
import { valuesOf } from './sqlite-dialect.ts';
import { flatten } from './sqlite-rows.ts';
import { SqliteTransaction } from './sqlite-transaction.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './sqlite-build.worker.ts' : './sqlite-build.worker.js', import.meta.url);

/** How many transactions may await their commit: one is written, the next is on its way. */
const mostUncommitted = 2;

type Rows = Extract<FromBuild, { rows: unknown }>['rows'];

export class SqliteBuild<S extends CheckpointSchema> implements NextTables<S> {
  readonly build = -1; // it has no number yet
  readonly read: Kysely<S>;
  private readonly worker: Worker;
  private readonly tx: SqliteTransaction<S>;
  private readonly questions = new Map<number, PromiseWithResolvers<Rows>>();
  private readonly ended: Promise<unknown>;
  private failure: Error | undefined;
  private lastQuestion = 0;
  private uncommitted: Promise<unknown>[] = [];
  private last: Promise<unknown> = Promise.resolve();

  /**
   * @param reader of the same file, which has its tables
   * @param onClose called when everything is written and the file is closed
   */
  constructor(
    file: string,
    private readonly reader: ReadOnlyTables<S>,
    private readonly onClose: () => void,
  ) {
    this.read = reader.read;
    this.worker = new Worker(workerFile, { workerData: { file } satisfies BuildWorkerOptions });
    this.worker.on('message', (message: FromBuild) => this.handle(message));
    this.worker.on('error', (error: Error) => this.fail(error));
    this.ended = new Promise((resolve) => this.worker.once('exit', resolve));
    const kysely = kyselyOn<S>((sql, parameters) => this.ask((id) => ({ kind: 'ask', sql, parameters, id })));
    this.tx = new SqliteTransaction<S>(
      {
        each: async (statement, columns, rows) =>
          this.post({ kind: 'each', statement, width: columns.length, values: flatten(columns, rows) }),
        find: (sql, values) => this.ask((id) => ({ kind: 'find', sql, values, id })),
      },
      kysely,
      true,
    );
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.run(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  private async run<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    this.post({ kind: 'exec', sql: 'BEGIN IMMEDIATE' });
    let result: T;
    try {
      result = await work(this.tx);
    } catch (error) {
      this.post({ kind: 'exec', sql: 'ROLLBACK' });
      throw error;
    }
    if (checkpoint !== undefined) this.post({ kind: 'each', statement: { one: setCheckpoint }, width: 1, values: [checkpoint] });
    const committed = this.exec('COMMIT');
    committed.catch(() => undefined); // kept in `failure`
    this.uncommitted.push(committed);
    if (this.uncommitted.length >= mostUncommitted) await this.uncommitted.shift();
    return result;
  }

  /** Resolves once everything requested before is committed. */
  async checkpoint(): Promise<Position | undefined> {
    await this.last;
    return checkpointFrom((await this.select(selectCheckpoint))[0]);
  }

  /** Drops indexes of a new, empty build: creating them at the end is cheaper. Their definitions are kept beside the tables. */
  async postponeIndexes(indexes: readonly string[]): Promise<void> {
    const names = indexes.map((name) => `'${name}'`).join(', ');
    await this.exec(
      `BEGIN IMMEDIATE; CREATE TABLE put_off AS SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND name IN (${names});
       ${indexes.map((name) => `DROP INDEX IF EXISTS "${name}"`).join('; ')}; COMMIT`,
    );
  }

  async complete(): Promise<void> {
    await this.last;
    if ((await this.select(`SELECT 1 FROM sqlite_schema WHERE name = 'put_off'`)).length === 0) return;
    const indexes = (await this.select('SELECT sql FROM put_off')).map(({ sql }) => `${String(sql)};`);
    await this.exec(`BEGIN IMMEDIATE; ${indexes.join(' ')} DROP TABLE put_off; COMMIT`);
  }

  hasNewerBuild(): Promise<boolean> {
    return Promise.resolve(false); // it isn't finished, so none can follow it
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

  private exec(sql: string): Promise<Rows> {
    return this.ask((id) => ({ kind: 'exec', sql, id }));
  }

  private select(sql: string): Promise<Rows> {
    return this.ask((id) => ({ kind: 'ask', sql, parameters: [], id }));
  }

  private ask(order: (id: number) => Exclude<ToBuild, 'close'>): Promise<Rows> {
    const id = ++this.lastQuestion;
    const answer = Promise.withResolvers<Rows>();
    if (this.failure) answer.reject(this.failure);
    else this.questions.set(id, answer);
    this.post(order(id));
    return answer.promise;
  }

  private post(order: ToBuild): void {
    if (this.failure) throw this.failure;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    this.worker.postMessage(order);
  }

  private handle(message: FromBuild): void {
    if ('failed' in message) {
      const { message: sentence, errcode } = message.failed;
      return this.fail(Object.assign(new Error(sentence), errcode === undefined ? {} : { errcode }));
    }
    this.questions.get(message.id)?.resolve(message.rows);
    this.questions.delete(message.id);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const answer of this.questions.values()) answer.reject(this.failure);
    this.questions.clear();
  }
}

type Ask = (sql: string, parameters: readonly SQLInputValue[]) => Promise<Rows>;

const kyselyOn = <S>(ask: Ask) =>
  new Kysely<S>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createIntrospector: () => {
        throw new Error('The tables of a build have no introspection.');
      },
      createDriver: () => new BuildDriver(ask),
    },
  });

/** Kysely's connection to the thread, which is in a transaction already. */
class BuildDriver {
  private readonly connection: DatabaseConnection;

  constructor(ask: Ask) {
    this.connection = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => ({
        rows: (await ask(sql, valuesOf(parameters))) as R[], // as Kysely's types say
      }),
      streamQuery: () => {
        throw new Error("A build's rows can't be streamed.");
      },
    };
  }

  async init() {}
  async acquireConnection() {
    return this.connection;
  }
  async beginTransaction() {
    throw new Error('A build is in a transaction already.');
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}
