// Starting on PostgreSQL: databases that can't be used are refused in a sentence, and a server that isn't up yet is awaited.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Kysely } from 'kysely';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../../test/support/postgres.ts';
import { startTcpProxy } from '../../../../test/support/tcp-proxy.ts';
import type { Position } from '../../../domain/ids.ts';
import { DatabaseUnusable, type CheckpointSchema } from './database.ts';
import { PostgresDatabase } from './postgres.ts';
import { waitFor } from '../../../../test/support/wait-for.ts';

type Counts = CheckpointSchema & { counts: { name: string; count: number } };
const createTables = async (db: Kysely<Counts>) => {
  const table = db.schema.createTable('counts').addColumn('name', 'text', (column) => column.primaryKey());
  await table.addColumn('count', 'integer').execute();
};
const at = (n: number) => String(n).padStart(12, '0') as Position;

let url: string;
let prefix: string;
const log = { warn: vi.fn<() => void>() };
beforeAll(async () => {
  url = await postgresUrl();
});
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => dropSchemasOfGuest(url, prefix));

/** The same server as another user, or at another address. */
const urlWith = (changed: Partial<Pick<URL, 'hostname' | 'port' | 'username' | 'password' | 'pathname'>>) =>
  Object.assign(new URL(url), changed).href;
const databaseAt = (where = url) => new PostgresDatabase({ url: where, prefix, waitMs: 0 }, log);
/** Creates the tables and sets their checkpoint. */
const applyUpTo = async (n: number) => {
  const tables = await databaseAt().open<Counts>('counts', 1, createTables);
  await tables.transaction((tx) => tx.add('counts', ['name'], [{ name: 'all', count: 1 }]), at(n));
  await tables.close();
};

describe('Hookledger refuses, with a sentence, a database that', () => {
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

  it('is not listening', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
    await proxy.close();
    const message = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) })));
    expect(message).toBe(`No database listens at 127.0.0.1:${proxy.port}; start PostgreSQL there, or correct HOOKLEDGER_DATABASE_URL.`);
  });

  it('is a server of another kind', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const message = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(port) })));
    expect(message).toMatch(/^The server at 127\.0\.0\.1:\d+ closes the connection at once, so it may not be PostgreSQL, or correct/);
    server.close();
  });

  it('has an unknown host', async () => {
    const message = await refusal(databaseAt(urlWith({ hostname: `${'a'.repeat(64)}.example` })));
    expect(message).toMatch(/^The host of the database at a+\.example:\d+ is unknown, or correct HOOKLEDGER_DATABASE_URL\.$/);
  });

  it.each([
    ['gets a wrong password', { password: 'wrong' }, /^The database at \S+ refuses the user "\S+" with this password, or correct/],
    ['gets no password', { password: '' }, /^The database at \S+ asks for a password for the user "\S+", and the URL has none, or correct/],
    [
      'does not exist',
      { pathname: '/no%20where' },
      /^There is no database "no where" at \S+; create it with: CREATE DATABASE "no where", or/,
    ],
  ])('%s', async (_, changed, expected) => {
    expect(await refusal(databaseAt(urlWith(changed)))).toMatch(expected);
  });

  it('grants the user no rights', async () => {
    const name = `u${randomBytes(4).toString('hex')}`;
    await withPostgres(url, (client) => client.query(`CREATE ROLE ${name} LOGIN PASSWORD 'p'`));
    try {
      const message = await refusal(databaseAt(urlWith({ username: name, password: 'p' })));
      expect(message).toMatch(
        `The user "${name}" may not create schemas in the database "${new URL(url).pathname.slice(1)}"; as its owner, run: GRANT`,
      );
      // Nor may this user touch another user's schemas.
      await databaseAt().bindTo({ origin: 'here', tip: async () => at(1) });
      await withPostgres(url, (client) => client.query(`GRANT CREATE ON DATABASE ${new URL(url).pathname.slice(1)} TO ${name}`));
      const more = await refusal(databaseAt(urlWith({ username: name, password: 'p' })));
      expect(more).toMatch(/lacks a right \(permission denied .*\); make it the owner of all schemas whose names begin with/);
    } finally {
      await withPostgres(url, async (client) => client.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`));
    }
  });

  it('is too old', async () => {
    const { hostname, port } = new URL(url);
    await using proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
    // The server's answer has the version in six digits.
    proxy.onAnswer = (bytes) => Buffer.from(bytes.toString('latin1').replace(/\b1\d00\d\d\b/, '130011'), 'latin1');
    const message = await refusal(databaseAt(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) })));
    expect(message).toMatch(/^The database runs on PostgreSQL \d+.*, but Hookledger needs 14 or newer; upgrade the server\.$/);
  });

  it('has another encoding', async () => {
    const name = newPrefix();
    await withPostgres(url, (client) => client.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`));
    try {
      expect(await refusal(databaseAt(urlWith({ pathname: name })))).toMatch(/ is encoded in LATIN1; create one with: CREATE DATABASE/);
    } finally {
      await withPostgres(url, (client) => client.query(`DROP DATABASE ${name}`));
    }
  });

  it('holds the views of another log', async () => {
    await databaseAt().bindTo({ origin: 'there', tip: async () => at(1) });
    await applyUpTo(1);
    const remedy = new RegExp(`DROP SCHEMA "${prefix}", "${prefix}_counts_1" CASCADE$`);
    const message = await refusal(databaseAt());
    expect(message).toMatch(
      /^The database holds the views of another log: that one began there, this one here\. Set HOOKLEDGER_DATABASE_URL to this log's own/,
    );
    expect(message).toMatch(remedy);
    const empty = await databaseAt()
      .bindTo({ origin: undefined, tip: async () => undefined })
      .catch((error: Error) => error.message);
    expect(empty).toMatch(/this one is empty\./);
  });

  it('is ahead of the log', async () => {
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(1) });
    await applyUpTo(7);
    const message = await refusal(databaseAt(), at(5));
    expect(message).toMatch(
      `The database is ahead of the log: ${prefix}_counts_1 is at position ${at(7)}, but the log ends at ${at(5)}, so`,
    );
    await withPostgres(url, (client) => client.query((/DROP SCHEMA .*$/.exec(message) ?? [''])[0]));
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(5) });
  });

  it('is ahead of the log, unless that is accepted: then it starts over', async () => {
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(1) });
    await applyUpTo(7);
    const lost = vi.fn<() => void>();
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(5), acceptLostTail: lost });
    expect(lost).toHaveBeenCalledExactlyOnceWith({ endsAt: at(5), knownTo: at(7) });
    expect(await databaseAt().versions('counts')).toEqual([]);
    await databaseAt().bindTo({ origin: 'here', tip: async () => at(5) });
  });

  it('has a foreign schema of that name', async () => {
    await withPostgres(url, (client) => client.query(`CREATE SCHEMA ${prefix}_counts_1 CREATE TABLE things (id integer)`));
    await expect(applyUpTo(1)).rejects.toThrow(`The schema ${prefix}_counts_1 of the database is not Hookledger's; rename it, or set`);
  });
});

it('a start waits for a server that is not up yet', async () => {
  const { hostname, port } = new URL(url);
  await using proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  await proxy.close();
  const waiting = new PostgresDatabase({ url: urlWith({ hostname: '127.0.0.1', port: String(proxy.port) }), prefix, waitMs: 20_000 }, log);
  const bound = waiting.bindTo({ origin: 'here', tip: async () => undefined });
  const retrying = expect.stringMatching(/^No database listens .* Retrying for/);
  await waitFor(() => expect(log.warn).toHaveBeenCalledWith(expect.anything(), retrying));
  await proxy.open();
  await bound;
});
