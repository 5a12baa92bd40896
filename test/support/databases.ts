// The databases that the suites of read models run on: every test has one to itself.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import type { BaseLogger } from 'pino';
import { inject } from 'vitest';
import type { Database } from '../../src/read-models/database/database.ts';
import { openDatabase, type DatabaseLocation } from '../../src/read-models/database/open.ts';

export type DatabaseUnderTest = {
  readonly location: DatabaseLocation;
  /** Another one on the same place, as another process would have it. */
  readonly open: (log?: Pick<BaseLogger, 'warn'>) => Database;
  /** Removes all that was made. Whatever was opened must be closed. */
  readonly discard: () => Promise<void>;
};

export type DatabaseKind = {
  readonly name: DatabaseLocation['kind'];
  readonly make: () => Promise<DatabaseUnderTest>;
  /** What the database throws when its disk is full. */
  readonly diskFull: () => Error;
};

const silent = { warn: () => undefined };

const on = (location: DatabaseLocation, discard: () => Promise<void>): DatabaseUnderTest => ({
  location,
  open: (log = silent) => openDatabase(location, log),
  discard,
});

const sqlite: DatabaseKind = {
  name: 'sqlite',
  make: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hookledger-views-'));
    return on({ kind: 'sqlite', folder }, async () => rmSync(folder, { recursive: true }));
  },
  diskFull: () => Object.assign(new Error('database or disk is full'), { errcode: 13 }),
};

/** The URL of the run's PostgreSQL server. */
export const postgresUrl = async (): Promise<string> => {
  const response = await fetch(inject('postgres'));
  const answer = await response.text();
  if (!response.ok) throw new Error(answer);
  return answer;
};

/** For what a test does to the server from outside. */
export const withPostgres = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
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

const postgres: DatabaseKind = {
  name: 'postgres',
  make: async () => {
    const [url, prefix] = [await postgresUrl(), newPrefix()];
    return on({ kind: 'postgres', url, prefix }, () => dropSchemas(url, prefix));
  },
  diskFull: () => Object.assign(new DatabaseError('could not extend file: No space left on device', 0, 'error'), { code: '53100' }),
};

export const databaseKinds: readonly DatabaseKind[] = [sqlite, postgres];
