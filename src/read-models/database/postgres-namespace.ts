// One version of one consumer in PostgreSQL: a connection that writes, and a few that read.
// Guarantee: rows and checkpoint commit together, on the one connection of all processes that may write, and only on top of the checkpoint that
// this process knows.
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { Pool, type Client, type ClientBase } from 'pg';
import type { Position } from '../../domain/ids.ts';
import {
  CheckpointMoved,
  DatabaseUnavailable,
  DatabaseUnusable,
  type Bookkeeping,
  type Namespace,
  type ReadOnly,
  type Transaction,
} from './database.ts';
import { clientConfig, connect, failureToConnect, isAnswer, quoted, storable } from './postgres-connection.ts';
import { PostgresTransaction, type ColumnTypes } from './postgres-transaction.ts';

/** Queries at one time; more wait for their turn. */
const readers = 4;

type Asks = (sql: string, parameters: readonly unknown[]) => Promise<unknown>;

/** A pool that is made of one connection. */
const alone = (client: PostgresPoolClient): PostgresPool => ({ connect: async () => client, end: async () => undefined });

const asking = (ask: Asks, release: () => void = () => undefined) =>
  ({
    query: (sql: string, parameters: readonly unknown[]) =>
      ask(
        sql,
        parameters.map((each) => (typeof each === 'string' ? storable(each) : each)),
      ),
    release,
  }) as PostgresPoolClient; // Kysely uses the one overload of `query`; there are no cursors

/** Kysely on a connection that is in the middle of a transaction. */
export const kyselyOn = <S>(client: Pick<Client, 'query'>) =>
  kyselyAsking<S>((text, values) => client.query({ text, values: [...values] }));

const kyselyAsking = <S>(ask: Asks) => new Kysely<S>({ dialect: new PostgresDialect({ pool: alone(asking(ask)) }) });

export const openReadOnly = <S>(url: string, schema: string): ReadOnly<S> => {
  const settings = [
    `search_path TO ${quoted(schema)}`,
    'default_transaction_read_only TO on',
    'default_transaction_isolation TO "repeatable read"', // a transaction sees one snapshot
    'statement_timeout TO 30000',
    // The planner counts rows and not pages: an index that has the rows asked for in their order beats one that is walked until they turn up.
    'seq_page_cost TO 0',
    'random_page_cost TO 0',
    'max_parallel_workers_per_gather TO 0',
    'jit TO off',
  ];
  const settle = (client: ClientBase): Promise<unknown> => {
    client.on('error', () => undefined); // whoever has borrowed it is told by the query
    return client.query(settings.map((each) => `SET ${each}`).join('; '));
  };
  // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, though its types do not say so
  const pool = new Pool({ ...clientConfig(url, schema), max: readers, onConnect: settle });
  pool.on('error', () => undefined); // an idle connection that was lost: the next query makes another
  const borrow = async (): Promise<PostgresPoolClient> => {
    const client = await pool.connect().catch((error: unknown) => {
      throw unavailable(failureToConnect(error, url));
    });
    let lost = false;
    const ask = async (sql: string, parameters: readonly unknown[]) => {
      try {
        return await client.query(sql, [...parameters]);
      } catch (error) {
        if (isAnswer(error)) throw error;
        lost = true;
        throw unavailable(error);
      }
    };
    return asking(ask, () => client.release(lost));
  };
  const read = new Kysely<S>({ dialect: new PostgresDialect({ pool: { connect: borrow, end: () => pool.end() } }) });
  // Kysely closes only what a query has opened.
  const close = async () => {
    await read.destroy();
    if (!pool.ending) await pool.end();
  };
  return { read, close };
};

const unavailable = (error: unknown): DatabaseUnavailable =>
  error instanceof DatabaseUnavailable
    ? error
    : new DatabaseUnavailable(
        error instanceof DatabaseUnusable ? error.message : `The connection to the database was lost: ${sentenceOf(error)}`,
        { cause: error },
      );

type Statement = { name?: string; text: string; values?: unknown[] };

/** Statements that are not answered: while the server carries one out, the next is made. */
const mostUnderWay = 2;

/**
 * The connection that writes to a schema: there is one, of all processes, as it holds a lock for as long as it lasts. So what it has not done
 * when the next one has the lock, it never does.
 * @throws DatabaseUnavailable, or DatabaseUnusable, also when another process keeps the lock
 */
export const connectWriter = async (url: string, schema: string): Promise<Client> => {
  const client = await connect(url, `${schema} writer`, writerSettings(schema));
  try {
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`hookledger writes ${schema}`]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    if (!isAnswer(error)) throw unavailable(error);
    const sentence = `Another process writes to ${schema}; stop it, or give one of the two another HOOKLEDGER_DATABASE_PREFIX.`;
    throw new DatabaseUnusable(sentence, { cause: error });
  }
};

const writerSettings = (schema: string) => [
  `search_path TO ${quoted(schema)}`,
  'lock_timeout TO 10000',
  'idle_in_transaction_session_timeout TO 60000',
  // A process that vanished with its machine holds its lock no longer than some ten seconds.
  'tcp_keepalives_idle TO 5',
  'tcp_keepalives_interval TO 2',
  'tcp_keepalives_count TO 3',
  // Every row is found by its key, whatever the planner believes of a table that was empty a moment ago.
  'plan_cache_mode TO force_generic_plan',
  'enable_seqscan TO off',
  'enable_hashjoin TO off',
  'enable_mergejoin TO off',
  'jit TO off',
];

export class PostgresNamespace<S extends Bookkeeping> implements Namespace<S> {
  readonly read: Kysely<S>;
  private readonly tx: PostgresTransaction<S>;
  private readonly reader: ReadOnly<S>;
  private client: Client | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private underWay: Promise<void>[] = [];
  /** What the database answered first to the running transaction that was not what was hoped for; all that comes after it fails as well. */
  private failure: unknown;
  /** Whether the connection was lost before COMMIT was answered: what it would have made of the checkpoint, and what the work returned. */
  private inDoubt: { readonly checkpoint: Position; readonly result: unknown } | undefined;

  /**
   * @param client what writes, until it is lost; then there is another
   * @param known the checkpoint that stands
   */
  constructor(
    private readonly url: string,
    private readonly schema: string,
    client: Client,
    types: ColumnTypes,
    private known: Position | undefined,
  ) {
    this.client = client;
    this.forgetWhenLost(client);
    this.reader = openReadOnly<S>(url, schema);
    this.read = this.reader.read;
    const kysely = kyselyAsking<S>((text, values) => this.ask({ text, values: [...values] }));
    this.tx = new PostgresTransaction({ ask: (query) => this.ask(query), send: (query) => this.send(query) }, types, kysely);
  }

  transaction<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint?: Position): Promise<T> {
    const done = this.last.then(() => this.carryOut(work, checkpoint));
    this.last = done.catch(() => undefined);
    return done;
  }

  async checkpoint(): Promise<Position | undefined> {
    return this.known;
  }

  async close(): Promise<void> {
    await this.last;
    await this.client?.end();
    this.client = undefined;
    await this.reader.close();
  }

  private async carryOut<T>(work: (tx: Transaction<S>) => Promise<T>, checkpoint: Position | undefined): Promise<T> {
    await this.connected();
    const committed = await this.resolveDoubt(checkpoint);
    if (committed) return committed.result as T; // of the same work
    this.failure = undefined;
    let result: T;
    try {
      await this.send({ text: 'BEGIN' });
      result = await work(this.tx);
      if (checkpoint !== undefined) await this.move(checkpoint);
      await Promise.all(this.underWay);
    } catch (error) {
      const first = this.failure ?? error;
      await this.ask({ text: 'ROLLBACK' }).catch(() => undefined); // without a connection it is rolled back already
      throw first;
    } finally {
      this.underWay = [];
    }
    if (checkpoint !== undefined) this.inDoubt = { checkpoint, result };
    await this.commit();
    this.known = checkpoint ?? this.known;
    return result;
  }

  private async connected(): Promise<void> {
    if (this.client) return;
    this.client = await connectWriter(this.url, this.schema).catch((error: unknown) => {
      throw unavailable(error);
    });
    this.forgetWhenLost(this.client);
  }

  private forgetWhenLost(client: Client): void {
    client.once('end', () => {
      if (this.client === client) this.client = undefined;
    });
  }

  private async commit(): Promise<void> {
    try {
      await this.ask({ text: 'COMMIT' });
    } catch (error) {
      if (isAnswer(error)) this.inDoubt = undefined; // it did not
      throw error;
    }
    this.inDoubt = undefined;
  }

  /** Only from where this process believes it to be: another one may have taken the consumer over. */
  private async move(to: Position): Promise<void> {
    const { rowCount } =
      this.known === undefined
        ? await this.ask({ text: 'INSERT INTO checkpoint VALUES (1, $1) ON CONFLICT DO NOTHING', values: [to] })
        : await this.ask({ text: 'UPDATE checkpoint SET position = $1 WHERE position = $2', values: [to, this.known] });
    if (rowCount === 1) return;
    throw new CheckpointMoved(
      `The checkpoint of ${this.schema} is not where this process left it: another one has written there, or the server has lost what it had committed. Start this one again, and it goes on from there.`,
    );
  }

  /** @returns what was in doubt, when it did commit and is what is asked for again. */
  private async resolveDoubt(checkpoint: Position | undefined): Promise<{ readonly result: unknown } | undefined> {
    const { inDoubt } = this;
    if (!inDoubt) return undefined;
    const { rows } = await this.ask({ text: 'SELECT position FROM checkpoint' });
    this.inDoubt = undefined;
    if (rows[0]?.position !== inDoubt.checkpoint) return undefined;
    this.known = inDoubt.checkpoint;
    return checkpoint === inDoubt.checkpoint ? inDoubt : undefined;
  }

  private async send(statement: Statement): Promise<void> {
    const answered = this.ask(statement).then(() => undefined);
    answered.catch(() => undefined); // `failure` has it
    this.underWay.push(answered);
    if (this.underWay.length > mostUnderWay) await this.underWay.shift();
  }

  private async ask(statement: Statement) {
    const { client } = this;
    try {
      if (!client) throw new DatabaseUnavailable('The connection to the database was lost.');
      return await client.query(statement);
    } catch (error) {
      const failure = isAnswer(error) ? error : unavailable(error);
      this.failure ??= failure;
      if (failure !== error && client && client === this.client) {
        this.client = undefined;
        await client.end().catch(() => undefined);
      }
      throw failure;
    }
  }
}

const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
