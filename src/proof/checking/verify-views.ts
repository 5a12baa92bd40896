// Verifies the views: builds them again from the log in a scratch database, up to the same position, and compares hashes of both. A server may
// use the views meanwhile.
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

type Logger = Pick<BaseLogger, 'info' | 'warn' | 'error'>;

/** `wrong`: how the views differ from the log, as a sentence. */
type ViewsVerification = {
  readonly tables: number;
  readonly events: number;
  readonly position: Position;
  readonly wrong: string | undefined;
};

/** @returns undefined if there are no views yet */
export const verifyViews = async (
  address: LogAddress,
  location: DatabaseLocation,
  { progress, log: logger }: { readonly progress: (progress: Progress) => void; readonly log: Logger },
): Promise<ViewsVerification | undefined> => {
  const views = new Views();
  const { name, version, primaryKeys } = views;
  const live = openDatabase(location, logger);
  if (!(await live.versions(name)).includes(version)) return undefined;
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const opened = await live.openReadOnly<ViewsSchema>(name, version);
    closing.push(() => opened.close());
    const { read } = opened;
    const log = await openStoredLogReader(address, logger);
    closing.push(() => log.close());
    const position = (await read.selectFrom('checkpoint').select('position').executeTakeFirst())?.position;
    const end = await log.last();
    if (position === undefined) return undefined;
    const found = { tables: Object.keys(primaryKeys).length, events: 0, position };
    if (!end || end.position < position)
      return {
        ...found,
        wrong: `They show the log up to position ${position}, but it ends at ${end?.position ?? 'its start'}: its end was removed.`,
      };

    const { database, remove } = openScratchDatabase(location, logger);
    closing.push(remove);
    const reader = await openLogReader(address, { log: logger, watch: false });
    closing.push(() => reader.close());
    const store = followToEnd(reader, log, progress);
    const { different, events, position: upTo } = await compareWithRebuild(read, views, store, database);
    const wrong = different.length === 0 ? undefined : `At position ${upTo}, these tables differ from the log: ${different.join(', ')}.`;
    return { ...found, events, position: upTo ?? position, wrong };
  } finally {
    for (const close of closing.toReversed()) await close();
  }
};

/** A temporary folder; or, in PostgreSQL, a schema that is dropped afterwards, and that no replica writes to. */
const openScratchDatabase = (
  location: DatabaseLocation,
  logger: Logger,
): { readonly database: Database; readonly remove: () => Promise<void> } => {
  if (location.kind === 'postgres')
    return { database: openDatabase({ ...location, shared: false }, logger), remove: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-verify-'));
  return {
    database: openDatabase({ kind: 'sqlite', folder }, logger),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

/** Follows the log up to where it ends at that moment, and reports the progress. */
const followToEnd = (
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
