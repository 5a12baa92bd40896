// A PostgreSQL server to test with: the one that TEST_DATABASE_URL names, or one of our own (postgres-process.ts).
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pool, type ClientBase } from 'pg';

/** `url`: of a database in which schemas may be made. `stop` leaves nothing behind, and nor does the end of this process. */
export type PostgresServer = { readonly url: string; readonly stop: () => Promise<void> };

const file = fileURLToPath(new URL('./postgres-process.ts', import.meta.url));

export const startPostgres = async (): Promise<PostgresServer> => {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') return { url: given, stop: async () => undefined };
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(() => undefined)]);
  if (!line) throw new Error('The PostgreSQL server of the tests could not be started; its own words stand above.');
  const { url } = JSON.parse(String(line[0])) as { url: string };
  return {
    url,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

/** Connections are dear, and most tests need one for a moment. */
const pools = new Map<string, Pool>();

/** For what a test does to the server from outside. */
export const withPostgres = async <T>(url: string, work: (client: ClientBase) => Promise<T>): Promise<T> => {
  let pool = pools.get(url);
  if (!pool) {
    pool = new Pool({ connectionString: url, max: 1, allowExitOnIdle: true });
    pool.on('error', () => undefined); // the server may go first
    pools.set(url, pool);
  }
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
};

/** Schemas whose names begin so are of one test. */
export const newPrefix = () => `t${randomBytes(6).toString('hex')}`;

export const dropSchemas = (url: string, prefix: string): Promise<void> =>
  withPostgres(url, async (client) => {
    const { rows } = await client.query<{ schema: string }>('SELECT nspname AS schema FROM pg_namespace WHERE nspname LIKE $1', [
      `${prefix}%`,
    ]);
    if (rows.length > 0) await client.query(`DROP SCHEMA ${rows.map(({ schema }) => schema).join(', ')} CASCADE`);
  });

/** Where the server goes with the run, they may stay. */
export const dropSchemasOfGuest = async (url: string, prefix: string): Promise<void> => {
  if (url === process.env['TEST_DATABASE_URL']) await dropSchemas(url, prefix);
};

/** As an administrator does it, or a server that fails over: whoever has schemas of that prefix open loses all connections. */
export const endConnections = (url: string, prefix: string): Promise<unknown> =>
  withPostgres(url, (client) =>
    client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hookledger ' || $1 || '%'", [prefix]),
  );
