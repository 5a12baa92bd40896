// Opens the database that the configuration names. A location is plain data, so a thread can be told where to open its own connection.
import { join } from 'node:path';
import type { BaseLogger } from 'pino';
import type { Database } from './database.ts';
import { PostgresDatabase, type PostgresOptions } from './postgres.ts';
import { SqliteDatabase } from './sqlite.ts';

export type DatabaseLocation = { readonly kind: 'sqlite'; readonly folder: string } | ({ readonly kind: 'postgres' } & PostgresOptions);

export const openDatabase = (location: DatabaseLocation, log: Pick<BaseLogger, 'warn'>): Database =>
  location.kind === 'sqlite' ? new SqliteDatabase(location.folder, log) : new PostgresDatabase(location, log);

/** Gives each log its own folder of files: a data folder may have been used with several logs. */
export const locationForLog = (location: DatabaseLocation, logId: string): DatabaseLocation =>
  location.kind === 'sqlite' ? { ...location, folder: join(location.folder, logId) } : location;
