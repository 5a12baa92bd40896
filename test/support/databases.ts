// The databases that the suites of read models run on: every test has one to itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseError } from 'pg';
import type { BaseLogger } from 'pino';
import { inject } from 'vitest';
import type { Database } from '../../src/read-models/engine/database/database.ts';
import { openDatabase, type DatabaseLocation } from '../../src/read-models/engine/database/open.ts';
import { dropSchemasOfGuest, newPrefix } from './postgres.ts';

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

const postgres: DatabaseKind = {
  name: 'postgres',
  make: async () => {
    const [url, prefix] = [await postgresUrl(), newPrefix()];
    return on({ kind: 'postgres', url, prefix }, () => dropSchemasOfGuest(url, prefix));
  },
  diskFull: () => Object.assign(new DatabaseError('could not extend file: No space left on device', 0, 'error'), { code: '53100' }),
};

export const databaseKinds: readonly DatabaseKind[] = [sqlite, postgres];
