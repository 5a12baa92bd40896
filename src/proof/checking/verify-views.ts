// Compares the views with a fresh fold of the log: they are built anew, beside the live ones, up to where those are, and both are hashed. A server that
// uses them may go on meanwhile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { openLogReader, openStoredLogReader, type LogAddress, type OpenedLogReader } from '../../event-store/open-log.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import type { Database } from '../../read-models/engine/database/database.ts';
import { openDatabase, type DatabaseLocation } from '../../read-models/engine/database/open.ts';
import { compareWithRebuild } from '../../read-models/engine/compare-tables.ts';
import type { ViewsSchema } from '../../read-models/views/schema.ts';
import { Views } from '../../read-models/views/views.ts';
import type { Progress } from '../progress.ts';

type Told = Pick<BaseLogger, 'info' | 'warn' | 'error'>;

/** `wrong`: what is not as the log says, as a sentence. */
export type ViewsVerified = {
  readonly tables: number;
  readonly events: number;
  readonly position: Position;
  readonly wrong: string | undefined;
};

/** @returns undefined where there are no views yet */
export const verifyViews = async (
  address: LogAddress,
  location: DatabaseLocation,
  { progress, log: told }: { readonly progress: (progress: Progress) => void; readonly log: Told },
): Promise<ViewsVerified | undefined> => {
  const views = new Views();
  const { name, version, primaryKeys } = views;
  const live = openDatabase(location, told);
  if (!(await live.versions(name)).includes(version)) return undefined;
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const opened = await live.openReadOnly<ViewsSchema>(name, version);
    closing.push(() => opened.close());
    const { read } = opened;
    const log = await openStoredLogReader(address, told);
    closing.push(() => log.close());
    const position = (await read.selectFrom('checkpoint').select('position').executeTakeFirst())?.position;
    const end = await log.last();
    if (position === undefined) return undefined;
    const found = { tables: Object.keys(primaryKeys).length, events: 0, position };
    if (!end || end.position < position)
      return {
        ...found,
        wrong: `They show the log up to position ${position}, and it ends at ${end?.position ?? 'its start'}: its end was removed.`,
      };

    const { database, remove } = scratchFor(location, told);
    closing.push(remove);
    const reader = await openLogReader(address, { log: told, watch: false });
    closing.push(() => reader.close());
    const store = growing(reader, log, progress);
    const { different, events, position: upTo } = await compareWithRebuild(read, views, store, database);
    const wrong = different.length === 0 ? undefined : `At position ${upTo} the log says something else than ${different.join(', ')}.`;
    return { ...found, events, position: upTo ?? position, wrong };
  } finally {
    for (const close of closing.toReversed()) await close();
  }
};

/** Files are built in a folder that is removed; in PostgreSQL it is a schema that is dropped, and that nobody else writes to, also where replicas run. */
const scratchFor = (location: DatabaseLocation, told: Told): { readonly database: Database; readonly remove: () => Promise<void> } => {
  if (location.kind === 'postgres') return { database: openDatabase({ ...location, shared: false }, told), remove: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-verify-'));
  return { database: openDatabase({ kind: 'sqlite', folder }, told), remove: async () => rmSync(folder, { recursive: true, force: true }) };
};

/** Reads up to where the log is when it is followed, and tells how far it is. */
const growing = (
  { reader, advanceTo }: OpenedLogReader,
  log: StoredLogReader,
  progress: (progress: Progress) => void,
): Pick<EventStore, 'tip' | 'follow'> => ({
  tip: () => reader.tip(),
  async *follow(after, options) {
    const end = await log.last();
    if (!end) return;
    advanceTo(end.position);
    let events = 0;
    for await (const batch of reader.follow(after, options)) {
      yield batch;
      events += batch.length;
      const last = batch.at(-1);
      if (last) progress({ step: 'building the views', events, share: Math.min(1, log.share(last.position, end.position)) });
    }
  },
});
