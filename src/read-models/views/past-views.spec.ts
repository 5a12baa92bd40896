import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventLog, hour, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { OrganizationId, Position } from '../../domain/ids.ts';
import { logUpTo } from '../../event-store/log-up-to.ts';
import { SqliteDatabase } from '../engine/database/sqlite.ts';
import { buildPast, openPast } from './past-views.ts';
import { viewQueries } from '../queries/view-queries.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';

const silent = { warn: () => undefined };
let folder: string;
let store: MemoryEventStore;
let log: EventLog;

/** A message an hour, from noon on, each delivered a minute later. */
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'hookledger-')), 'past');
  store = new MemoryEventStore();
  log = new EventLog(store);
  log.endpoint('a');
  for (let n = 0; n < 5; n++) {
    const message = log.message(`m${n}`, ['a']);
    log.now += minute;
    log.attempt(message, 'a', 1, 200);
    log.now += hour - minute;
  }
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const at = (time: string) => new Date(`2026-01-01T${time}Z`);
const counts = async () => {
  const { past, views } = await openPast(folder);
  try {
    const { routed, succeeded, open } = await viewQueries(() => views.read).deliveries.conservation('default' as OrganizationId);
    return { routed, succeeded, open, position: past.position };
  } finally {
    await views.close();
  }
};

it('holds what was recorded up to that moment, and nothing later', async () => {
  const built = await buildPast(at('14:00:00'), folder, store, silent);
  expect(built).toMatchObject({ asOf: '2026-01-01T14:00:00.000Z', events: 6, position: store.log[5]?.position });
  expect(await counts()).toEqual({ routed: 3, succeeded: 2, open: 1, position: built?.position });
});

it('of a moment after the last event is the whole log', async () => {
  await buildPast(at('23:00:00'), folder, store, silent);
  expect(await counts()).toMatchObject({ routed: 5, succeeded: 5, position: await store.tip() });
});

it('that was interrupted is not shown, and is gone on with', async () => {
  const ending = new AbortController();
  const interrupted = {
    tip: () => store.tip(),
    async *follow(after: Position | undefined, { signal }: { signal: AbortSignal }) {
      for await (const batch of store.follow(after, { signal, batchSize: 2 })) {
        yield batch;
        ending.abort();
      }
    },
  };
  expect(await buildPast(at('14:00:00'), folder, interrupted, silent, { signal: ending.signal })).toBeUndefined();
  await expect(openPast(folder)).rejects.toThrow(
    `What is in ${folder} was not finished; go on with: hookledger rebuild --as-of 2026-01-01T14:00:00.000Z --into`,
  );
  await expect(buildPast(at('13:00:00'), folder, store, silent)).rejects.toThrow(
    /what was begun of other views, those as of 2026-01-01T14/,
  );

  const { name, version } = new Views();
  const writing = await new SqliteDatabase(folder, silent).openNext<ViewsSchema>(name, version, (db, int64) =>
    new Views().createTables(db, int64),
  );
  await expect(openPast(folder)).rejects.toThrow(`${folder} is being written; wait until that rebuild is done.`);
  await writing.close();

  expect(await buildPast(at('14:00:00'), folder, store, silent)).toMatchObject({ events: 4 });
  expect(await counts()).toMatchObject({ routed: 3, succeeded: 2 });
});

it('is refused in a sentence where it can not be', async () => {
  await expect(buildPast(at('11:00:00'), folder, store, silent)).rejects.toThrow(
    'The log begins at 2026-01-01T12:00:00.000Z, and 2026-01-01T11:00:00.000Z is before that; name a later moment.',
  );
  await expect(buildPast(at('12:00:00'), folder, new MemoryEventStore(), silent)).rejects.toThrow('The log is empty');
  await expect(openPast(folder)).rejects.toThrow('There are no views of a past moment in');
  await buildPast(at('12:00:00'), folder, store, silent);
  await expect(buildPast(at('12:00:00'), folder, store, silent)).rejects.toThrow(/holds the views as of .* already; name another folder/);
  await expect(buildPast(at('12:00:00'), join(folder, '..'), store, silent)).rejects.toThrow(/is not empty; name a folder that is/);
  writeFileSync(join(folder, 'past.json'), '{');
  await expect(openPast(folder)).rejects.toThrow(/past\.json can't be read; build/);
});

it('has a log beside it that ends at the same place', async () => {
  const end = store.log[2]?.position as Position;
  const past = logUpTo(store, end);
  expect(await past.tip()).toBe(end);
  const stream = store.log[3]?.stream as string;
  expect(await past.readStream(stream)).toEqual(store.log.slice(0, 3).filter((event) => event.stream === stream));
  const ending = new AbortController();
  const seen: Position[] = [];
  for await (const batch of past.follow(undefined, { signal: ending.signal, batchSize: 2 })) {
    seen.push(...batch.map(({ position }) => position));
    if (batch.at(-1)?.position === end) ending.abort();
  }
  expect(seen).toEqual(store.log.slice(0, 3).map(({ position }) => position));
});
