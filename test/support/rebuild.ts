// The views of a stopped server, built anew from its log, with the code of the built server (its sources need a build step).
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LogAddress } from '../../src/event-store/open-log.ts';
import type { DatabaseLocation } from '../../src/read-models/engine/database/open.ts';
import type { BuildResult, Comparison } from '../../src/read-models/engine/rebuild.ts';
import type { ViewsSchema } from '../../src/read-models/views/schema.ts';
import { builtServer } from './server.ts';

type Modules = {
  log: typeof import('../../src/event-store/open-log.ts');
  database: typeof import('../../src/read-models/engine/database/open.ts');
  views: typeof import('../../src/read-models/views/views.ts');
  rebuild: typeof import('../../src/read-models/engine/rebuild.ts');
  verify: typeof import('../../src/proof/checking/verify-log.ts');
};

const files: Record<keyof Modules, string> = {
  log: 'event-store/open-log.js',
  database: 'read-models/engine/database/open.js',
  views: 'read-models/views/views.js',
  rebuild: 'read-models/engine/rebuild.js',
  verify: 'proof/checking/verify-log.js',
};

/** The types are those of the sources that `main` was built from. */
const load = async <K extends keyof Modules>(main: string, name: K): Promise<Modules[K]> =>
  (await import(pathToFileURL(join(dirname(main), files[name])).href)) as Modules[K];

const say = (_: unknown, sentence?: string) => console.error(sentence ?? '');
const log = { info: () => {}, warn: say, error: say };
type Where = {
  /** The built server. */
  readonly main?: string | undefined;
  /** Where the log is, when not in the data folder. */
  readonly log?: LogAddress | undefined;
  /** Where the views are, when not in the data folder. */
  readonly database?: DatabaseLocation | undefined;
};
const inFolder = (dataDir: string): DatabaseLocation => ({ kind: 'sqlite', folder: join(dataDir, 'views') });

/** Compares the views with ones built from the log in `dataDir`. The server must have stopped. */
export const compareViews = async (
  dataDir: string,
  { main = builtServer, log: address = { kind: 'embedded', directory: dataDir }, database: location = inFolder(dataDir) }: Where = {},
): Promise<Comparison & BuildResult> => {
  const { openLog } = await load(main, 'log');
  const { openDatabase } = await load(main, 'database');
  const { Views } = await load(main, 'views');
  const { compareWithRebuild } = await load(main, 'rebuild');
  const { store } = await openLog(address, log);
  const database = openDatabase(location, log);
  const views = new Views();
  const live = await database.openReadOnly<ViewsSchema>(views.name, views.version);
  try {
    return await compareWithRebuild(live.read, views, store, database);
  } finally {
    await live.close();
    await store.close();
  }
};

/** How fast `hookledger rebuild` builds the views of a log from its start; they are not compared, and dropped. */
export const timeRebuild = async (
  dataDir: string,
  { main = builtServer, log: address = { kind: 'embedded', directory: dataDir }, database: location = inFolder(dataDir) }: Where = {},
): Promise<{ events: number; seconds: number }> => {
  const { openLogToRead } = await load(main, 'log');
  const { openDatabase } = await load(main, 'database');
  const { Views } = await load(main, 'views');
  const { rebuild } = await load(main, 'rebuild');
  const { reader, close } = await openLogToRead(address, log);
  const database = openDatabase(location, log);
  const timed = Object.assign(new Views(), { name: 'views-timed' });
  try {
    const rebuilt = await rebuild(timed, reader, database);
    if (!rebuilt) throw new Error('The rebuild was aborted.');
    return rebuilt;
  } finally {
    await database.drop(timed.name, timed.version);
    await close();
  }
};

/** How fast the log is verified by two threads, the views left out. @throws when something in it is wrong */
export const timeVerify = async (
  dataDir: string,
  { main = builtServer, log: address = { kind: 'embedded', directory: dataDir } }: Where = {},
): Promise<{ events: number; seconds: number }> => {
  const { verifyLog } = await load(main, 'verify');
  const began = performance.now();
  const { events, results } = await verifyLog(address, { since: undefined, threads: 2, progress: () => {}, log });
  const wrong = Object.values(results).find(({ first }) => first)?.first;
  if (wrong)
    throw new Error(`The log is not as it should be: ${wrong.sentence} (position ${wrong.position}, ${wrong.type} in ${wrong.stream})`);
  return { events, seconds: (performance.now() - began) / 1_000 };
};
