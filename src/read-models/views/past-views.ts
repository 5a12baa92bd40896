// The views of a past moment, in a folder of their own: built once from the log and never changed. Payloads and histories are not in them and are read from
// the log, up to the same position. So the folder is only of use with its log.
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaseLogger } from 'pino';
import * as z from 'zod';
import { position, type Position } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { logFingerprint } from '../../event-store/log-fingerprint.ts';
import { makePrivateFolder } from '../../private-files.ts';
import { DatabaseUnusable, type ReadOnlyTables } from '../engine/database/database.ts';
import { SqliteDatabase } from '../engine/database/sqlite.ts';
import { buildTables, eventsPerRead, neverAborts, type BuildResult, type RebuildOptions } from '../engine/build-tables.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';

const about = z.object({
  /** ISO 8601 in UTC with milliseconds. */
  asOf: z.string(),
  /** Of the last event applied. Left out while the views are being built. */
  position: position.optional(),
  /** Identifies the log. */
  origin: z.string(),
  /** Of the views. */
  version: z.int(),
});
type About = z.infer<typeof about>;
export type Past = About & { readonly position: Position };

const finishedFile = 'past.json';
const unfinishedFile = 'past.begun.json';

const readAbout = async (folder: string, file: string): Promise<About | undefined> => {
  const text = await readFile(join(folder, file), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return about.parse(JSON.parse(text));
  } catch {
    throw new DatabaseUnusable(`${join(folder, file)} can't be read; build the views of that moment again, into an empty folder.`);
  }
};

type Log = Pick<EventStore, 'tip' | 'follow'>;
type Logger = Pick<BaseLogger, 'warn'>;

/**
  makePrivateFolder(folder);
  const database = new SqliteDatabase(folder, logger);
 */
export const buildPast = async (
  asOf: Date,
  folder: string,
  log: Log,
  logger: Logger,
  options: RebuildOptions = {},
): Promise<(Past & BuildResult) | undefined> => {
  const views = new Views();
  const origin = await logFingerprint(log);
  const wanted = { asOf: asOf.toISOString(), origin: origin ?? '', version: views.version };
  await checkFolder(folder, wanted);
  const [first] = await firstOf(log);
  if (!first) throw new DatabaseUnusable('The log is empty; there is no past to show yet.');
  if (Date.parse(first.recordedAt) > asOf.getTime())
    throw new DatabaseUnusable(`The log begins at ${first.recordedAt}, and ${wanted.asOf} is before that; name a later moment.`);

  makePrivateFolder(folder);
  const database = new SqliteDatabase(folder, logger);
  const next = await database.openNext<ViewsSchema>(views.name, views.version, (db, int64) => views.createTables(db, int64), {
    queryIndexes: views.queryIndexes,
  });
  let built: BuildResult;
  let end: Position | undefined;
  try {
    await writeFile(join(folder, unfinishedFile), JSON.stringify(wanted, null, 2));
    const [from, to] = [Date.parse(first.recordedAt), asOf.getTime()];
    const share = ({ recordedAt }: Pick<RecordedEvent, 'recordedAt'>) => (to > from ? (Date.parse(recordedAt) - from) / (to - from) : 1);
    built = await buildTables(next, views, until(asOf, log, await next.checkpoint(), options.signal ?? neverAborts), share, options);
    if (!options.signal?.aborted) await next.complete();
    end = await next.checkpoint();
  } finally {
    await next.close();
  }
  if (options.signal?.aborted || end === undefined) return undefined;
  await database.finishNext(views.name, views.version);
  const past = { ...wanted, position: end };
  await writeFile(join(folder, unfinishedFile), JSON.stringify(past, null, 2));
  await rename(join(folder, unfinishedFile), join(folder, finishedFile));
  return { ...past, ...built };
};

const checkFolder = async (folder: string, wanted: About): Promise<void> => {
  const built = await readAbout(folder, finishedFile);
  if (built) throw new DatabaseUnusable(`${folder} holds the views as of ${built.asOf} already; name another folder, or remove that one.`);
  const unfinished = await readAbout(folder, unfinishedFile);
  if (unfinished && (unfinished.asOf !== wanted.asOf || unfinished.origin !== wanted.origin || unfinished.version !== wanted.version))
    throw new DatabaseUnusable(
      `${folder} holds what was begun of other views, those as of ${unfinished.asOf}; name another folder, or remove that one.`,
    );
  if (!unfinished && (await readdir(folder).catch(() => [])).length > 0)
    throw new DatabaseUnusable(`${folder} is not empty; name a folder that is, or that does not exist yet.`);
};

const firstOf = async (log: Log): Promise<readonly RecordedEvent[]> => {
  if ((await log.tip()) === undefined) return [];
  const ending = new AbortController();
  try {
    for await (const batch of log.follow(undefined, { signal: ending.signal, batchSize: 1 })) return batch;
    return [];
  } finally {
    ending.abort();
  }
};

/** The events up to the first one that was recorded later, or up to the current end of the log. */
async function* until(asOf: Date, log: Log, from: Position | undefined, signal: AbortSignal) {
  const tip = await log.tip();
  if (tip === undefined || (from !== undefined && from >= tip)) return;
  const last = asOf.toISOString();
  for await (const batch of log.follow(from, { signal, batchSize: eventsPerRead })) {
    const later = batch.findIndex(({ recordedAt }) => recordedAt > last);
    if (later !== 0) yield later === -1 ? batch : batch.slice(0, later);
    if (later !== -1 || (batch.at(-1)?.position ?? tip) >= tip) return;
  }
}

/** Opens what `buildPast` made. @throws DatabaseUnusable */
export const openPast = async (folder: string): Promise<{ readonly past: Past; readonly views: ReadOnlyTables<ViewsSchema> }> => {
  const past = await readAbout(folder, finishedFile);
  if (past?.position === undefined) {
    const unfinished = existsSync(folder) ? await readAbout(folder, unfinishedFile) : undefined;
    if (!unfinished)
      throw new DatabaseUnusable(
        `There are no views of a past moment in ${folder}; build them with: hookledger rebuild --as-of TIME --into ${folder}`,
      );
    const { name, version } = new Views();
    if (await new SqliteDatabase(folder, { warn: () => undefined }).isBeingBuilt(name, version))
      throw new DatabaseUnusable(`${folder} is being written; wait until that rebuild is done.`);
    throw new DatabaseUnusable(
      `What is in ${folder} was not finished; go on with: hookledger rebuild --as-of ${unfinished.asOf} --into ${folder}`,
    );
  }
  const { name, version } = new Views();
  if (past.version !== version)
    throw new DatabaseUnusable(
      `${folder} was built by another version of Hookledger (its views have version ${past.version}, those of this one ${version}); build it again, into an empty folder.`,
    );
  const views = await new SqliteDatabase(folder, { warn: () => undefined }).openForQueries<ViewsSchema>(name, version);
  return { past: { ...past, position: past.position }, views };
};
