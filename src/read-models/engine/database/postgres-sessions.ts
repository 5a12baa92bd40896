// The connections to a consumer's tables in PostgreSQL: a pool that reads, the one connection that moves the checkpoint, and two that write beside it.
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { Pool, type Client, type ClientBase } from 'pg';
import { Turns } from '../../../turns.ts';
import { ReadBudget } from '../read-budget.ts';
import { DatabaseUnusable, type ReadOnlyTables } from './database.ts';
import { clientConfig, connect, failureToConnect, isAnswer, quoted, unavailable, withoutNul } from './postgres-connection.ts';

/** How many queries run at once. Others wait. */
const readers = 4;

type Ask = (sql: string, parameters: readonly unknown[]) => Promise<unknown>;

/** Runs a query and returns its rows. */
export type RunQuery = <R extends object>(text: string, values: readonly unknown[]) => Promise<readonly R[]>;

export const queryOn =
  (client: Client): RunQuery =>
  async <R extends object>(text: string, values: readonly unknown[]) =>
    (await client.query<R>(text, [...values])).rows;

const poolOfOne = (client: PostgresPoolClient): PostgresPool => ({ connect: async () => client, end: async () => undefined });

const poolClient = (ask: Ask, release: () => void = () => undefined) =>
  ({
    query: (sql: string, parameters: readonly unknown[]) =>
      ask(
        sql,
        parameters.map((each) => (typeof each === 'string' ? withoutNul(each) : each)),
      ),
    release,
  }) as PostgresPoolClient; // Kysely calls only this overload of `query`, as there are no cursors

/** Kysely on a connection that is in a transaction. */
export const kyselyOn = <S>(client: Pick<Client, 'query'>) =>
  kyselyAsking<S>((text, values) => client.query({ text, values: [...values] }));

export const kyselyAsking = <S>(ask: Ask) => new Kysely<S>({ dialect: new PostgresDialect({ pool: poolOfOne(poolClient(ask)) }) });

export const openReadOnly = <S>(url: string, schema: string): ReadOnlyTables<S> => {
  const { db, close } = openPool<S>(url, schema, readers, [
    `search_path TO ${quoted(schema)}`,
    'default_transaction_read_only TO on',
    'default_transaction_isolation TO "repeatable read"', // a transaction sees one snapshot
    'statement_timeout TO 30000',
    // Makes the planner count rows, not pages: it then prefers an index that has the requested rows in order to walking another until they turn up.
    'seq_page_cost TO 0',
    'random_page_cost TO 0',
    'max_parallel_workers_per_gather TO 0',
    'jit TO off',
  ]);
  return { read: db, close };
};

/** Two connections that write beside the one that moves the checkpoint. */
export const openSideWriter = <S>(url: string, schema: string) =>
  openPool<S>(url, `${schema} beside`, 2, [...writerSettings(schema), 'statement_timeout TO 30000']);

/** Connects on demand. Organizations take turns at the connections. */
const openPool = <S>(url: string, purpose: string, max: number, settings: readonly string[]) => {
  const onConnect = (client: ClientBase): Promise<unknown> => {
    client.on('error', () => undefined); // the query in progress reports it
    return client.query(settings.map((each) => `SET ${each}`).join('; '));
  };
  // oxlint-disable-next-line typescript/no-misused-promises -- the pool awaits it, though its types don't say so
  const pool = new Pool({ ...clientConfig(url, purpose), max, onConnect });
  pool.on('error', () => undefined); // an idle connection was lost: the next query opens another
  const turns = new Turns(max);
  const borrow = async (): Promise<PostgresPoolClient> => {
    const endTurn = await turns.begin(ReadBudget.currentTurn);
    const client = await pool.connect().catch((error: unknown) => {
      endTurn();
      throw unavailable(failureToConnect(error, url));
    });
    let isLost = false;
    const ask = async (sql: string, parameters: readonly unknown[]) => {
      try {
        return await client.query(sql, [...parameters]);
      } catch (error) {
        if (isAnswer(error)) throw error;
        isLost = true;
        throw unavailable(error);
      }
    };
    return poolClient(ask, () => {
      client.release(isLost);
      endTurn();
    });
  };
  const db = new Kysely<S>({ dialect: new PostgresDialect({ pool: { connect: borrow, end: () => pool.end() } }) });
  // Kysely closes the pool only if a query has opened it.
  const close = async () => {
    await db.destroy();
    if (!pool.ending) await pool.end();
  };
  return { db, close };
};

/**
 * Opens the one connection, of all processes, that writes to a schema: it holds a lock for as long as it lasts. Once the next one has the lock,
 * nothing that this connection left undone can happen any more.
 * @throws DatabaseUnavailable, or DatabaseUnusable, also when another process keeps the lock
 */
export const connectWriter = async (url: string, schema: string, { waitForLock = true } = {}): Promise<Client> => {
  const client = await connect(url, `${schema} writer`, writerSettings(schema));
  if (!waitForLock && !(await tryWriterLock(client, schema))) {
    await client.end();
    throw new DatabaseUnusable(`Another process is building ${schema}; wait until it is done, or stop it.`);
  }
  try {
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [writerLock(schema)]);
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    if (!isAnswer(error)) throw unavailable(error);
    const sentence = `Another process writes to ${schema}; stop it, or give one of the two another HOOKLEDGER_DATABASE_PREFIX.`;
    throw new DatabaseUnusable(sentence, { cause: error });
  }
};

/** Held, shared, by every process of a replica group that has the schema open. */
export const usersLock = (schema: string) => `hookledger uses ${schema}`;
export const writerLock = (schema: string) => `hookledger writes ${schema}`;

/** @returns whether no other process writes to the schema; none does then until this connection ends */
export const tryWriterLock = async (client: Client, schema: string): Promise<boolean> => {
  const query = 'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken';
  const { rows } = await client.query<{ taken: boolean }>(query, [writerLock(schema)]);
  return rows[0]?.taken === true;
};

export const writerSettings = (schema: string) => [
  `search_path TO ${quoted(schema)}`,
  'lock_timeout TO 10000',
  'idle_in_transaction_session_timeout TO 60000',
  // If a process vanishes with its machine, the server frees its lock within some ten seconds.
  'tcp_keepalives_idle TO 5',
  'tcp_keepalives_interval TO 2',
  'tcp_keepalives_count TO 3',
  // Find every row by its key, even if the planner still believes that the table is empty.
  'plan_cache_mode TO force_generic_plan',
  'enable_seqscan TO off',
  'enable_hashjoin TO off',
  'enable_mergejoin TO off',
  'jit TO off',
];
