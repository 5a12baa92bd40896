// Reads an SQLite file for queries in threads of their own, so that none of them keeps this thread busy.
// Guarantee: each organization has its turn, in it each operation, and that runs one statement at a time. Limit: a statement that has begun runs to its end.
import { Worker } from 'node:worker_threads';
import { Kysely, SqliteAdapter, SqliteQueryCompiler, type CompiledQuery, type DatabaseConnection, type QueryResult } from 'kysely';
import { FairGroups } from '../../../fair-queue.ts';
import { organizationOfTurn } from '../../../turns.ts';
import { ReadBudget } from '../read-budget.ts';
import { DatabaseUnavailable, type ReadOnlyTables } from './database.ts';
import { valuesOf } from './sqlite-dialect.ts';
import { isDamage, isTransient } from './sqlite-errors.ts';
import { markIfDamage } from './sqlite-files.ts';
import type { FromReader, ReaderWorkerOptions, ToReader } from './sqlite-reader.worker.ts';

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './sqlite-reader.worker.ts' : './sqlite-reader.worker.js', import.meta.url);

/** A slow statement must not keep all others waiting. */
const maxThreads = 2;

type Row = Record<string, unknown>;
type Question = { readonly statement: Exclude<ToReader, 'close'>; readonly turn: string; readonly answer: PromiseWithResolvers<Row[]> };
type Thread = { readonly worker: Worker; readonly ended: Promise<unknown>; current: Question | undefined };

class SqliteReaders {
  private readonly threads = new Set<Thread>();
  private readonly waiting = new FairGroups<Question>(1, organizationOfTurn);
  private readonly unanswered = new Set<Question>();
  /** The turns of operations. */
  private readonly running = new Set<string>();
  private isClosing = false;

  constructor(private readonly file: string) {}

  read(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    if (this.isClosing) return Promise.reject(new DatabaseUnavailable('The views are being closed.'));
    const budget = ReadBudget.current;
    const { rows, characters } = budget?.remaining ?? { rows: Infinity, characters: Infinity };
    const statement = { sql, parameters: valuesOf(parameters), maxRows: rows, maxCharacters: characters };
    const question = { statement, turn: ReadBudget.currentTurn, answer: Promise.withResolvers<Row[]>() };
    this.unanswered.add(question);
    this.waiting.push(question.turn, 1, question);
    this.ask();
    return question.answer.promise;
  }

  /** Answers what was asked before. */
  async close(): Promise<void> {
    this.isClosing = true;
    await Promise.allSettled(Array.from(this.unanswered, ({ answer }) => answer.promise));
    for (const { worker } of this.threads) worker.postMessage('close' satisfies ToReader); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread has none
    await Promise.all(Array.from(this.threads, ({ ended }) => ended));
  }

  /** Gives the next questions to threads that are free. */
  private ask(): void {
    while (this.waiting.length > 0) {
      const thread = this.freeThread();
      const question = thread && this.waiting.take((turn) => !this.running.has(turn));
      if (!question) return;
      this.running.add(question.turn);
      thread.current = question;
      const done = () => {
        this.running.delete(question.turn);
        this.unanswered.delete(question);
        this.ask();
      };
      void question.answer.promise.catch(() => undefined).finally(done);
      thread.worker.postMessage(question.statement); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread has none
    }
  }

  private freeThread(): Thread | undefined {
    for (const thread of this.threads) if (!thread.current) return thread;
    return this.threads.size < maxThreads ? this.startThread() : undefined;
  }

  private startThread(): Thread {
    const worker = new Worker(workerFile, {
      workerData: { file: this.file } satisfies ReaderWorkerOptions,
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    worker.unref();
    const thread: Thread = { worker, current: undefined, ended: new Promise((resolve) => worker.once('exit', resolve)) };
    const settle = (settle: (answer: Question['answer']) => void) => {
      const { current } = thread;
      thread.current = undefined;
      if (current) settle(current.answer);
    };
    worker.on('message', (message: FromReader) =>
      settle(({ resolve, reject }) => {
        if (!('failed' in message)) return resolve(rowsOf(message));
        const error = errorOf(message.failed);
        markIfDamage(this.file, error);
        const isOfTheFile = isDamage(error) || isTransient(error);
        reject(isOfTheFile ? new DatabaseUnavailable(`${this.file} can't be read: ${error.message}.`, { cause: error }) : error);
      }),
    );
    worker.on('error', (error) => {
      this.threads.delete(thread);
      markIfDamage(this.file, error);
      settle(({ reject }) => reject(new DatabaseUnavailable(`A reader of the views has died: ${error.message}`, { cause: error })));
    });
    this.threads.add(thread);
    return thread;
  }
}

const errorOf = ({ message, errcode }: Extract<FromReader, { failed: unknown }>['failed']) =>
  Object.assign(new Error(message), errcode === undefined ? {} : { errcode });

const rowsOf = ({ columns, values }: Exclude<FromReader, { failed: unknown }>): Row[] =>
  values.map((row) => {
    const named: Row = {};
    for (let i = 0; i < columns.length; i++) named[columns[i] ?? ''] = row[i];
    return named;
  });

export const openInThreads = <S>(file: string): ReadOnlyTables<S> => {
  const readers = new SqliteReaders(file);
  const read = new Kysely<S>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createIntrospector: () => {
        throw new Error('Tables that threads read have no introspection.');
      },
      createDriver: () => new ReadersDriver(readers),
    },
  });
  const close = async () => {
    await read.destroy();
    await readers.close();
  };
  return { read, close };
};

/** Kysely's one connection. Each statement runs in whichever thread is free. */
class ReadersDriver {
  private readonly connection: DatabaseConnection;

  constructor(readers: SqliteReaders) {
    this.connection = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => ({
        rows: (await readers.read(sql, parameters)) as R[], // as Kysely's types say
      }),
      streamQuery: () => {
        throw new Error("Rows that threads read can't be streamed.");
      },
    };
  }

  async init() {}
  async acquireConnection() {
    return this.connection;
  }
  async beginTransaction() {
    throw new Error('Threads that read have no transactions.');
  }
  async commitTransaction() {}
  async rollbackTransaction() {}
  async releaseConnection() {}
  async destroy() {}
}
