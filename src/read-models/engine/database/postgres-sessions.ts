// What a namespace in PostgreSQL is read and written by: a pool that reads, one that writes beside, and the connection that moves the checkpoint.
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import { Pool, type Client, type ClientBase } from 'pg';
import { DatabaseUnusable, type ReadOnlyTables } from './database.ts';
import { clientConfig, connect, failureToConnect, isAnswer, quoted, withoutNul, unavailable } from './postgres-connection.ts';

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
        parameters.map((each) => (typeof each === 'string' ? withoutNul(each) : each)),
      ),
    release,
  }) as PostgresPoolClient; // Kysely uses the one overload of `query`; there are no cursors

/** Kysely on a connection that is in the middle of a transaction. */
export const kyselyOn = <S>(client: Pick<Client, 'query'>) =>
  kyselyAsking<S>((text, values) => client.query({ text, values: [...values] }));

export const kyselyAsking = <S>(ask: Asks) => new Kysely<S>({ dialect: new PostgresDialect({ pool: alone(asking(ask)) }) });

export const openReadOnly = <S>(url: string, schema: string): ReadOnlyTables<S> => {
  const { db, close } = openPool<S>(url, schema, readers, [
    `search_path TO ${quoted(schema)}`,
    'default_transaction_read_only TO on',
    'default_transaction_isolation TO "repeatable read"', // a transaction sees one snapshot
    'statement_timeout TO 30000',
    // The planner counts rows and not pages: an index that has the rows asked for in their order beats one that is walked until they turn up.
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

/** Connections are made when they are asked for. */
const openPool = <S>(url: string, purpose: string, max: number, settings: readonly string[]) => {
  const settle = (client: ClientBase): Promise<unknown> => {
    client.on('error', () => undefined); // whoever has borrowed it is told by the query
    return client.query(settings.map((each) => `SET ${each}`).join('; '));
  };
  // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, though its types do not say so
  const pool = new Pool({ ...clientConfig(url, purpose), max, onConnect: settle });
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
  const db = new Kysely<S>({ dialect: new PostgresDialect({ pool: { connect: borrow, end: () => pool.end() } }) });
  // Kysely closes only what a query has opened.
  const close = async () => {
    await db.destroy();
    if (!pool.ending) await pool.end();
  };
  return { db, close };
};

/**
 * The connection that writes to a schema: there is one, of all processes, as it holds a lock for as long as it lasts. So what it has not done
 * when the next one has the lock, it never does.
 * @param waitMs 0: not for another one
 * @throws DatabaseUnavailable, or DatabaseUnusable, also when another process keeps the lock
 */
export const connectWriter = async (url: string, schema: string, waitMs?: number): Promise<Client> => {
  const client = await connect(url, `${schema} writer`, writerSettings(schema));
  if (waitMs === 0 && !(await tryWriterLock(client, schema))) {
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

/** Shared by all processes that have it open. */
export const usersLock = (schema: string) => `hookledger uses ${schema}`;
export const writerLock = (schema: string) => `hookledger writes ${schema}`;

/** Whether no other process writes to a schema. None does, either, until this connection ends. */
export const tryWriterLock = async (client: Client, schema: string): Promise<boolean> => {
  const { rows } = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS taken', [
    writerLock(schema),
  ]);
  return rows[0]?.taken === true;
};

export const writerSettings = (schema: string) => [
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
