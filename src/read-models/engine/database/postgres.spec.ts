// What is PostgreSQL's own: connections that break, many processes at once, and servers that can't be used.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { sql, type Kysely } from 'kysely';
import { DatabaseError } from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../../test/support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy.ts';
import type { Position } from '../../../domain/ids.ts';
import { DatabaseUnavailable, DatabaseUnusable, type CheckpointSchema, type Tables } from './database.ts';
import { PostgresDatabase } from './postgres.ts';

type Counts = CheckpointSchema & { counts: { name: string; count: number } };
const createTables = async (db: Kysely<Counts>) => {
  const table = db.schema.createTable('counts').addColumn('name', 'text', (column) => column.primaryKey());
  await table.addColumn('count', 'integer').execute();
};
/** On a machine that has other things to do. */
const waitFor = <T>(condition: () => T | Promise<T>) => vi.waitFor(condition, { timeout: 10_000 });
const at = (n: number) => String(n).padStart(12, '0') as Position;

let url: string;
let prefix: string;
const log = { warn: vi.fn<() => void>() };
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  url = await postgresUrl();
});
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  await dropSchemasOfGuest(url, prefix);
});

/** The server as somebody else, or by another way. */
const urlWith = (changed: Partial<Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'>>) =>
  Object.assign(new URL(url), changed).href;
const databaseAt = (where = url) => new PostgresDatabase({ url: where, prefix, waitMs: 0 }, log);
const open = async (database = databaseAt()) => {
  const namespace = await database.open<Counts>('counts', 1, createTables);
  opened.push(namespace);
  return namespace;
};
const count = (namespace: Tables<Counts>, n: number) =>
  namespace.transaction((tx) => tx.add('counts', ['name'], [{ name: 'all', count: 1 }]), at(n));
const counted = (namespace: Tables<Counts>) => namespace.read.selectFrom('counts').select('count').executeTakeFirst();

describe('a connection to PostgreSQL that breaks', () => {
  let proxy: TcpProxy;
  let database: PostgresDatabase;
  let namespace: Tables<Counts>;
  beforeEach(async () => {
    const { hostname, port } = new URL(url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
    database = databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) }));
    namespace = await open(database);
    await count(namespace, 1);
    await counted(namespace); // so that one that reads is open, too
    return () => proxy[Symbol.asyncDispose]();
  });

  /** What must be a passing trouble. */
  const troubleOf = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(database.isTransient(error)).toBe(true);
    return (error as Error).message;
  };

  it('between transactions is made anew', async () => {
    proxy.cut();
    await waitFor(() => count(namespace, 2));
    await waitFor(async () => expect(await counted(namespace)).toEqual({ count: 2 }));
  });

  it('within a transaction undoes it', async () => {
    const work = namespace.transaction(async (tx) => {
      await tx.add('counts', ['name'], [{ name: 'all', count: 100 }]);
      await tx.find('counts', 'name', ['all'], ['count']);
      proxy.cut();
      await tx.find('counts', 'name', ['all'], ['count']);
    }, at(2));
    await troubleOf(work);
    await count(namespace, 2);
    expect(await counted(namespace)).toEqual({ count: 2 });
  });

  it('while a query reads is told to whoever asked', async () => {
    const reading = troubleOf(sql`SELECT pg_sleep(60)`.execute(namespace.read));
    const sleeps = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'`;
    await withPostgres(url, (admin) =>
      waitFor(async () => expect((await admin.query(sleeps, [`hookledger ${prefix}_counts_1`])).rowCount).toBe(1)),
    );
    proxy.cut();
    expect(await reading).toMatch(/^The connection to the database was lost: /);
    await waitFor(async () => expect(await counted(namespace)).toEqual({ count: 1 }));
  });

  it('before a commit is answered leaves no doubt: what was committed is not repeated', async () => {
    let committing = false;
    proxy.onRequest = (bytes) => {
      committing ||= bytes.includes('COMMIT');
      return bytes;
    };
    proxy.onAnswer = (bytes) => (committing ? undefined : bytes);
    await troubleOf(count(namespace, 2));
    proxy.onRequest = proxy.onAnswer = (bytes) => bytes;
    await count(namespace, 2);
    await count(namespace, 3);
    expect(await counted(namespace)).toEqual({ count: 3 });
  });

  it('before a commit is heard leaves no doubt: it is repeated', async () => {
    proxy.onRequest = (bytes) => (bytes.includes('COMMIT') ? undefined : bytes);
    await troubleOf(count(namespace, 2));
    proxy.onRequest = (bytes) => bytes;
    await count(namespace, 2);
    expect(await counted(namespace)).toEqual({ count: 2 });
  });

  it('and is refused is told of by what reads and what writes, until the server is back', async () => {
    await proxy.close();
    await waitFor(async () => expect(await troubleOf(count(namespace, 2))).toMatch(/^No database listens at 127\.0\.0\.1:\d+; start/));
    await waitFor(async () => expect(await troubleOf(counted(namespace))).toMatch(/^No database listens at/));
    await proxy.open();
    await count(namespace, 2);
    expect(await counted(namespace)).toEqual({ count: 2 });
  });
});

it.each(['40001', '40P01', '53100', '53300', '57P01', '55P03', '25006', '08006'])('%s may pass', (code) => {
  expect(databaseAt().isTransient(Object.assign(new DatabaseError('', 0, 'error'), { code }))).toBe(true);
});
it.each(['42P01', '23505', '22021', undefined])('%s does not pass', (code) => {
  expect(databaseAt().isTransient(Object.assign(new DatabaseError('', 0, 'error'), { code }))).toBe(false);
});

it('a namespace that several processes open at once is made once', async () => {
  const opening = async () => {
    const namespace = await databaseAt().open<Counts>('counts', 1, createTables);
    await namespace.close();
  };
  await Promise.all(Array.from({ length: 5 }, opening));
  expect(await databaseAt().versions('counts')).toEqual([1]);
});

it('a namespace is written by one process at a time; the next waits for it', async () => {
  const first = await databaseAt().open<Counts>('counts', 1, createTables);
  await count(first, 1);
  let isOpen = false;
  const second = open().finally(() => (isOpen = true));
  const waits = `SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'advisory'`;
  await withPostgres(url, (admin) =>
    waitFor(async () => expect((await admin.query(waits, [`hookledger ${prefix}_counts_1 writer`])).rowCount).toBe(1)),
  );
  expect(isOpen).toBe(false);
  await count(first, 2);
  await first.close();
  await count(await second, 3);
  expect(await counted(await second)).toEqual({ count: 3 });
});

it('the rows to change are found by their key, though the table was empty when that was planned', async () => {
  const namespace = await open();
  await namespace.transaction(async (tx) => {
    await tx.update('counts', ['name'], [{ name: 'all', count: 1 }]);
    const prepared = sql<{ text: string }>`SELECT statement AS text FROM pg_prepared_statements WHERE statement LIKE 'UPDATE "counts"%'`;
    const plan = sql<{ 'QUERY PLAN': string }>`EXPLAIN EXECUTE "hookledger 0" ('{all}', '{1}')`;
    expect((await prepared.execute(tx.kysely)).rows).toHaveLength(1);
    expect((await plan.execute(tx.kysely)).rows.map((row) => row['QUERY PLAN']).join('\n')).toMatch(
      /Nested Loop[^]*Index Scan using counts_pkey/,
    );
  });
});

it('two installations share a database under two prefixes', async () => {
  await count(await open(), 1);
  const other = new PostgresDatabase({ url, prefix: `${prefix}b` }, log);
  await other.bindTo({ origin: 'another', tip: async () => undefined });
  const namespace = await open(other);
  expect(await namespace.checkpoint()).toBeUndefined();
  await expect(databaseAt().bindTo({ origin: 'this', tip: async () => at(1) })).resolves.toBeUndefined();
});

describe('a database that cannot be used is refused with a sentence', () => {
  const refusal = async (database: PostgresDatabase, tip: Position | undefined = at(1), origin = 'here') => {
    const error: unknown = await database.bindTo({ origin, tip: async () => tip }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(DatabaseUnusable);
    const { message } = error as Error;
    expect(message).not.toContain(new URL(url).password);
    return message;
  };

  it('where nothing listens', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
    await proxy.close();
    const said = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) })));
    expect(said).toBe(`No database listens at 127.0.0.1:${proxy.port}; start PostgreSQL there, or correct HOOKLEDGER_DATABASE_URL.`);
  });

  it('where a server of another kind listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const said = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(port) })));
    expect(said).toMatch(/^The server at 127\.0\.0\.1:\d+ closes the connection at once, so it may not be PostgreSQL, or correct/);
    server.close();
  });

  it('whose host is not known', async () => {
    const said = await refusal(databaseAt(urlWith({ hostname: `${'a'.repeat(64)}.example` })));
    expect(said).toMatch(/^The host of the database at a+\.example:\d+ is unknown, or correct HOOKLEDGER_DATABASE_URL\.$/);
  });

  it.each([
    ['with a wrong password', { password: 'wrong' }, /^The database at \S+ refuses the user "\S+" with this password, or correct/],
    [
      'without a password',
      { password: '' },
      /^The database at \S+ asks for a password for the user "\S+", and the URL has none, or correct/,
    ],
    [
      'by a name that it does not have',
      { pathname: '/no%20where' },
      /^There is no database "no where" at \S+; create it with: CREATE DATABASE "no where", or/,
    ],
  ])('%s', async (_, changed, expected) => {
    expect(await refusal(databaseAt(urlWith(changed)))).toMatch(expected);
  });

  it('by a user without rights', async () => {
    const name = `u${randomBytes(4).toString('hex')}`;
    await withPostgres(url, (client) => client.query(`CREATE ROLE ${name} LOGIN PASSWORD 'p'`));
    try {
      const said = await refusal(databaseAt(urlWith({ username: name, password: 'p' })));
      expect(said).toMatch(
        `The user "${name}" may not create schemas in the database "${new URL(url).pathname.slice(1)}"; as its owner, run: GRANT`,
      );
      // Nor may it touch what somebody else has made.
      await databaseAt().bindTo({ origin: 'here', tip: async () => at(1) });
      await withPostgres(url, (client) => client.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${name}`));
      const more = await refusal(databaseAt(urlWith({ username: name, password: 'p' })));
      expect(more).toMatch(/lacks a right \(permission denied .*\); make it the owner of all schemas whose names begin with/);
    } finally {
      await withPostgres(url, async (client) => client.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`));
    }
  });

  it('on a server that is too old', async () => {
    const { hostname, port } = new URL(url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
    // The version is six digits in the server's answer.
    proxy.onAnswer = (bytes) => Buffer.from(bytes.toString('latin1').replace(/\b1\d00\d\d\b/, '130011'), 'latin1');
    const said = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) })));
    expect(said).toMatch(/^The database runs on PostgreSQL \d+.*, but Hookledger needs 14 or newer; upgrade the server\.$/);
  });

  it('in another encoding', async () => {
    const name = newPrefix();
    await withPostgres(url, (client) => client.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`));
    try {
      expect(await refusal(databaseAt(urlWith({ pathname: name })))).toMatch(/ is encoded in LATIN1; create one with: CREATE DATABASE/);
    } finally {
      await withPostgres(url, (client) => client.query(`DROP DATABASE ${name}`));
    }
  });

  it('that holds the views of another log', async () => {
    await databaseAt().bindTo({ origin: 'there', tip: async () => at(1) });
    await count(await open(), 1);
    const anew = new RegExp(`DROP SCHEMA "${prefix}", "${prefix}_counts_1" CASCADE$`);
    const said = await refusal(databaseAt());
    expect(said).toMatch(
      /^The database holds the views of another log: that one began there, this one here\. Set HOOKLEDGER_DATABASE_URL to this log's own/,
    );
    expect(said).toMatch(anew);
    const empty = await databaseAt()
      .bindTo({ origin: undefined, tip: async () => undefined })
      .catch((error: Error) => error.message);
    expect(empty).toMatch(/this one is empty\./);
  });

  it('that is ahead of the log', async () => {
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(1) });
    await count(await open(), 7);
    const said = await refusal(databaseAt(), at(5));
    expect(said).toMatch(`The database is ahead of the log: ${prefix}_counts_1 is at position ${at(7)}, but the log ends at ${at(5)}, so`);
    await withPostgres(url, (client) => client.query((/DROP SCHEMA .*$/.exec(said) ?? [''])[0]));
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(5) });
  });

  it('whose schema of that name is somebody else’s', async () => {
    await withPostgres(url, (client) => client.query(`CREATE SCHEMA ${prefix}_counts_1 CREATE TABLE things (id integer)`));
    await expect(open()).rejects.toThrow(`The schema ${prefix}_counts_1 of the database is not Hookledger's; rename it, or set`);
  });
});

it('waits at the start for a server that comes up', async () => {
  const { hostname, port } = new URL(url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  await proxy.close();
  const waiting = new PostgresDatabase({ url: urlWith({ hostname: '127.0.0.1', port: String(proxy.port) }), prefix, waitMs: 20_000 }, log);
  const follows = waiting.bindTo({ origin: 'here', tip: async () => undefined });
  await waitFor(() =>
    expect(log.warn).toHaveBeenCalledWith(expect.anything(), expect.stringMatching(/^No database listens .* Retrying for/)),
  );
  await proxy.open();
  await follows;
});
