// The embedded database: one SQLite file for each version of each consumer, `<folder>/<consumer>@<version>.db`; rebuilt: `…@<version>.<build>.db`.
// Guarantee: rows and checkpoint commit together, and survive the end of the process at any moment. Limit: a power failure may undo the last commits,
// always rows and checkpoint together (synchronous=NORMAL). The log then brings them again.
import { existsSync, readdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaseLogger } from 'pino';
import { errorCodeOf } from '../../../error-code.ts';
import { acceptSentence, lostTailSentence, type LostTail } from '../../../event-store/lost-tail.ts';
import { makePrivateFolder } from '../../../private-files.ts';
import {
  DatabaseUnusable,
  type CheckpointSchema,
  type CreateTables,
  type Database,
  type FollowedLog,
  type NextOptions,
  type NextTables,
  type ReadOnlyTables,
  type Tables,
} from './database.ts';
import { SqliteBuild } from './sqlite-build.ts';
import { isDamage, isTransient } from './sqlite-errors.ts';
import {
  buildsIn,
  checkpointIn,
  damageMark,
  isOpenElsewhere,
  leaveWal,
  lockBuilding,
  lockOf,
  moveFile,
  nameOf,
  removeFile,
} from './sqlite-files.ts';
import { openInThreads } from './sqlite-readers.ts';
import { openReadOnly, openTables, UnusableFile, type SqliteTables } from './sqlite-tables.ts';

const remedy = 'Put back the log that the views belong to (log.db and log.db-wal together), or restore the data folder from a backup.';

const ahead = (file: string, lost: LostTail) => lostTailSentence(lost, `${file} shows`, remedy);

const ofAnotherLog = (file: string, recorded: string, origin: string | undefined) =>
  `${file} shows another log: that one began ${recorded}, this one ${origin ?? 'is empty'}. ${remedy} ${acceptSentence}`;

type Build = { readonly file: string; readonly build: number };

export class SqliteDatabase implements Database {
  constructor(
    private readonly folder: string,
    private readonly log: Pick<BaseLogger, 'warn'>,
  ) {}

  async bindTo({ origin, tip, acceptLostTail, startOver = false }: FollowedLog): Promise<void> {
    makePrivateFolder(this.folder);
    const originFile = join(this.folder, 'log-origin');
    const recorded = await readFile(originFile, 'utf8').catch(() => undefined);
    for (const name of await readdir(this.folder)) {
      if (!name.endsWith('.db')) continue;
      const file = join(this.folder, name);
      const checkpoint = checkpointIn(file);
      const end = await tip(); // read after the checkpoint, as both may be advancing
      const isForeign = recorded !== undefined && recorded !== origin;
      const isAhead = checkpoint !== undefined && (end === undefined || checkpoint > end);
      if (checkpoint !== undefined && (isForeign || isAhead)) {
        const lost = { endsAt: end, knownTo: checkpoint };
        if (!acceptLostTail) throw new DatabaseUnusable(isForeign ? ofAnotherLog(file, recorded, origin) : ahead(file, lost));
        acceptLostTail(lost);
      }
      if (isForeign) await this.moveAside(file, `it belongs to another log, which began ${recorded}`);
      else if (isAhead) await this.moveAside(file, `it is at position ${checkpoint}, but the log ends at ${end ?? 'its beginning'}`);
      else if (startOver) await this.moveAside(file, 'the log has lost events');
    }
    if (origin !== undefined) await writeFile(originFile, origin);
  }

  async open<S extends CheckpointSchema>(name: string, version: number, createTables: CreateTables<S>): Promise<Tables<S>> {
    makePrivateFolder(this.folder);
    return this.openOrReplace(this.file(name, version, await this.newest(name, version)), createTables);
  }

  private async openOrReplace<S extends CheckpointSchema>({ file, build }: Build, createTables: CreateTables<S>): Promise<SqliteTables<S>> {
    try {
      return await openTables(file, build, createTables);
    } catch (error) {
      if (!(error instanceof UnusableFile || (error instanceof Error && isDamage(error)))) throw error;
      await this.moveAside(file, error.message);
      return openTables(file, build, createTables);
    }
  }

  private async moveAside(file: string, reason: string): Promise<void> {
    const aside = `${file}.aside`;
    await moveFile(file, aside);
    this.log.warn({ file, aside }, `Can't use ${file} (${reason}); moved it to ${aside} and rebuilding it from the log.`);
  }

  async openReadOnly<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return openReadOnly<S>(this.file(name, version, build ?? (await this.newest(name, version))).file);
  }

  async openForQueries<S extends CheckpointSchema>(name: string, version: number, build?: number): Promise<ReadOnlyTables<S>> {
    return openInThreads<S>(this.file(name, version, build ?? (await this.newest(name, version))).file);
  }

  async versions(name: string): Promise<readonly number[]> {
    return [...new Set((await buildsIn(this.folder, name)).map(({ version }) => version))].sort((a, b) => a - b);
  }

  async builds(name: string, version: number): Promise<readonly number[]> {
    const builds = (await buildsIn(this.folder, name)).filter((each) => each.version === version).map(({ build }) => build);
    return builds.sort((a, b) => a - b);
  }

  async drop(name: string, version: number, build?: number | 'next'): Promise<void> {
    const builds = build === undefined ? [...(await this.builds(name, version)), 'next' as const] : [build];
    for (const each of builds) await removeFile(this.file(name, version, each).file);
  }

  async dropUnused(name: string, version: number, build: number): Promise<void> {
    const { file } = this.file(name, version, build);
    if (existsSync(file) && !isOpenElsewhere(file)) await removeFile(file);
  }

  async openNext<S extends CheckpointSchema>(
    name: string,
    version: number,
    createTables: CreateTables<S>,
    { queryIndexes = [] }: NextOptions = {},
  ): Promise<NextTables<S>> {
    makePrivateFolder(this.folder);
    const next = this.file(name, version, 'next');
    const lock = lockBuilding(next.file);
    try {
      const isNew = !existsSync(next.file);
      await (await this.openOrReplace(next, createTables)).close(); // its tables exist from here on
      leaveWal(next.file);
      const build = new SqliteBuild<S>(next.file, openReadOnly<S>(next.file), () => lock.close());
      if (isNew && queryIndexes.length > 0) await build.postponeIndexes(queryIndexes);
      return build;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Whether another process has the next build open. */
  async isBeingBuilt(name: string, version: number): Promise<boolean> {
    const { file } = this.file(name, version, 'next');
    if (!existsSync(file)) return false;
    try {
      lockBuilding(file).close();
      return false;
    } catch (error) {
      if (error instanceof DatabaseUnusable) return true;
      throw error;
    }
  }

  async finishNext(name: string, version: number): Promise<number> {
    const build = (await this.newest(name, version)) + 1;
    const from = this.file(name, version, 'next').file;
    await rename(from, this.file(name, version, build).file);
    await rm(lockOf(from), { force: true });
    return build;
  }

  damagedFiles(): readonly string[] {
    const marked = this.filesNow().filter((name) => damageMark('') !== name && name.endsWith(damageMark('')));
    return marked.map((name) => join(this.folder, name.slice(0, -damageMark('').length)));
  }

  /** None while this process may open no more files: the next look tells. */
  private filesNow(): readonly string[] {
    try {
      return readdirSync(this.folder);
    } catch (error) {
      if (['EMFILE', 'ENFILE'].includes(errorCodeOf(error) ?? '')) return [];
      throw error;
    }
  }

  isTransient(error: unknown): boolean {
    return isTransient(error);
  }

  /** 0 if there is no build yet. */
  private async newest(name: string, version: number): Promise<number> {
    return (await this.builds(name, version)).at(-1) ?? 0;
  }

  private file(name: string, version: number, build: number | 'next'): Build {
    return { file: join(this.folder, nameOf(name, version, build)), build: build === 'next' ? -1 : build };
  }
}
