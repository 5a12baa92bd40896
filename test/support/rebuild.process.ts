// The process of rebuild.ts: carries out one task on the log and the views of a stopped server, and sends the result.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LogAddress } from '../../src/event-store/open-log.ts';
import type { DatabaseLocation } from '../../src/read-models/engine/database/open.ts';
import type { BuildResult } from '../../src/read-models/engine/build-tables.ts';
import type { Comparison } from '../../src/read-models/engine/compare-tables.ts';
import type { ViewsSchema } from '../../src/read-models/views/schema.ts';

export type Where = { readonly src: string; readonly log: LogAddress; readonly database: DatabaseLocation };

const [task = '', json = ''] = process.argv.slice(2);
const where = JSON.parse(json) as Where;
const load = (file: string): Promise<unknown> => import(pathToFileURL(join(where.src, file)).href);
const { openLog, openLogReader } = (await load('event-store/open-log.ts')) as typeof import('../../src/event-store/open-log.ts');
const { openDatabase } = (await load(
  'read-models/engine/database/open.ts',
)) as typeof import('../../src/read-models/engine/database/open.ts');
const { Views } = (await load('read-models/views/views.ts')) as typeof import('../../src/read-models/views/views.ts');
const { compareWithRebuild } = (await load(
  'read-models/engine/compare-tables.ts',
)) as typeof import('../../src/read-models/engine/compare-tables.ts');
const { rebuild } = (await load('read-models/engine/rebuild.ts')) as typeof import('../../src/read-models/engine/rebuild.ts');
const { verifyLog } = (await load('proof/checking/verify-log.ts')) as typeof import('../../src/proof/checking/verify-log.ts');

const say = (_: unknown, sentence?: string) => console.error(sentence ?? '');
const log = { info: () => {}, warn: say, error: say };

const tasks = {
  async compareViews(): Promise<Comparison & BuildResult> {
    const { store } = await openLog(where.log, log);
    const database = openDatabase(where.database, log);
    const views = new Views();
    const live = await database.openReadOnly<ViewsSchema>(views.name, views.version);
    try {
      return await compareWithRebuild(live.read, views, store, database);
    } finally {
      await live.close();
      await store.close();
    }
  },

  async timeRebuild(): Promise<{ events: number; seconds: number }> {
    const { reader, close } = await openLogReader(where.log, { log, watch: true });
    const database = openDatabase(where.database, log);
    const timed = Object.assign(new Views(), { name: 'views-timed' });
    try {
      const rebuilt = await rebuild(timed, reader, database);
      if (!rebuilt) throw new Error('The rebuild was aborted.');
      return rebuilt;
    } finally {
      await database.drop(timed.name, timed.version);
      await close();
    }
  },

  async timeVerify(): Promise<{ events: number; seconds: number }> {
    const began = performance.now();
    const { events, results } = await verifyLog(where.log, { since: undefined, threads: 2, progress: () => {}, log });
    const wrong = Object.values(results).find(({ first }) => first)?.first;
    if (wrong) throw new Error(`The log is wrong: ${wrong.sentence} (position ${wrong.position}, ${wrong.type} in ${wrong.stream})`);
    return { events, seconds: (performance.now() - began) / 1_000 };
  },
};
export type Tasks = typeof tasks;

process.send?.(await tasks[task as keyof Tasks]());
process.disconnect();
