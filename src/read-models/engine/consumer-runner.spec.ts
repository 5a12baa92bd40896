import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { EndpointId, Position } from '../../domain/ids.ts';
import { UndecodableEvent, type RecordedEvent } from '../../event-store/event-store.ts';
import { ConsumerRunner, type RunnerOptions } from './consumer-runner.ts';
import type { Consumer } from './consumer.ts';
import type { CheckpointSchema, Transaction } from './database/database.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

/** Generous, for a busy machine. */
const patience = { timeout: 30_000 };

type Seen = CheckpointSchema & { seen: { position: Position; name: string } };

/** Stores the names that endpoints get. It can't apply the name `poison`. */
class Names implements Consumer<Seen> {
  readonly name = 'names';
  readonly primaryKeys = { seen: ['position'] } as const;
  readonly calls: string[] = [];
  readonly batches: number[] = [];
  before: () => void = () => undefined;

  constructor(
    readonly version = 1,
    readonly oldestReadableVersion = 1,
    private readonly shown = (name: string) => name,
  ) {}

  async createTables(db: Kysely<Seen>) {
    await db.schema
      .createTable('seen')
      .addColumn('position', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .execute();
  }

  receive(event: RecordedEvent, live: boolean) {
    this.calls.push(live ? 'live' : 'old');
    return event;
  }

  async apply(batch: readonly RecordedEvent[], tx: Transaction<Seen>) {
    this.before();
    const rows = batch.map(({ position, data }) => ({ position, name: this.shown('name' in data ? data.name : '') }));
    await tx.insert('seen', rows);
    if (rows.some(({ name }) => name === 'poison')) throw new RangeError('the name is poison');
  }

  onCommitted(batch: readonly RecordedEvent[]) {
    this.batches.push(batch.length);
  }

  onCaughtUp() {
    this.calls.push('caught up');
  }
}

describe.each(databaseKinds)('a consumer runner on $name', ({ name, make, diskFull }) => {
  let place: DatabaseUnderTest;
  let store: MemoryEventStore;
  const running: ConsumerRunner<Seen>[] = [];
  const log = { info: vi.fn<() => void>(), warn: vi.fn<() => void>(), error: vi.fn<() => void>() };

  beforeEach(async () => {
    place = await make();
    store = new MemoryEventStore();
  });
  afterEach(async () => {
    for (const runner of running.splice(0)) await runner.stop();
    await place.discard();
  });

  const run = async (consumer: Consumer<Seen>, options: RunnerOptions = {}) => {
    const runner = new ConsumerRunner(consumer, store, place.open(log), log, options);
    running.push(runner);
    await runner.start();
    return runner;
  };
  const rename = (...names: string[]) =>
    store.record(
      ...names.map((name) => ({ stream: 'endpoint-1' as EndpointId, event: { type: 'endpoint.renamed', data: { name } } as const })),
    );
  const names = async (runner: ConsumerRunner<Seen>) =>
    (await runner.read.selectFrom('seen').select('name').orderBy('position').execute()).map(({ name }) => name);

  it('applies the events that the log holds, then new ones', async () => {
    rename('a', 'b');
    const consumer = new Names();
    const runner = await run(consumer);
    expect(await runner.reached(rename('c'), 5000)).toBe(true);
    expect(await names(runner)).toEqual(['a', 'b', 'c']);
    expect(consumer.calls.join()).toMatch(/^old,old,(live,caught up|caught up,live)$/);
    expect(runner.status()).toMatchObject({ state: 'live', lagEvents: 0, lagSeconds: 0 });
  });

  it('resumes after its checkpoint', async () => {
    const first = await run(new Names());
    await first.reached(rename('a'), 5000);
    await first.stop();
    rename('b');
    const consumer = new Names();
    const second = await run(consumer);
    expect(await second.reached(rename('c'), 5000)).toBe(true);
    expect(await names(second)).toEqual(['a', 'b', 'c']);
    expect(consumer.batches.reduce((sum, n) => sum + n)).toBe(2);
  });

  it('commits five reads of the log at once while it catches up', async () => {
    rename(...Array.from({ length: 45 }, (_, i) => `n${i}`));
    const consumer = new Names();
    const runner = await run(consumer, { maxBatch: 4, lingerMs: 1000 });
    expect(await runner.reached((await store.tip()) as Position, 5000)).toBe(true);
    expect(consumer.batches).toEqual([20, 20, 5]);
  });

  it('spaces commits under load, and commits at once after being idle', async () => {
    const consumer = new Names();
    const runner = await run(consumer, { lingerMs: 400 });
    expect(await runner.reached(rename('a'), 300)).toBe(true);
    rename('b');
    rename('c');
    await expect.poll(() => consumer.batches).toEqual([1, 2]);
  });

  it('commits at once when a client waits for it', async () => {
    const consumer = new Names();
    const runner = await run(consumer, { lingerMs: 60_000 });
    expect(await runner.reached(rename('a'), 5000)).toBe(true);
    expect(await runner.reached(rename('b'), 5000)).toBe(true);
    const late = rename('c');
    await expect.poll(() => runner.status().lagEvents, patience).toBe(1);
    expect(await runner.reached(late, 5000)).toBe(true);
    expect(consumer.batches).toEqual([1, 1, 1]);
  });

  it('stops at an event that it cannot apply, names it, and commits everything before it', async () => {
    const last = rename('a', 'b', 'c', 'poison', 'd');
    const runner = await run(new Names());
    expect(await runner.reached(last, 5000)).toBe(false);
    expect(await names(runner)).toEqual(['a', 'b', 'c']);
    expect(runner.status()).toMatchObject({ state: 'stopped', position: store.log[2]?.position, lagEvents: 2 });
    expect(runner.status().error).toMatch(/position 0+4 \(endpoint\.renamed in endpoint-1\) can't be applied: the name is poison/);
    expect(await runner.reached(last, 60_000)).toBe(false);
  });

  it('stops at an event that cannot be read, and commits everything before it', async () => {
    const last = rename('a', 'b');
    store.undecodable = { position: last, error: new UndecodableEvent(last, 'endpoint-1', 'endpoint.renamed', 'its data is not JSON') };
    const runner = await run(new Names());
    expect(await runner.reached(last, 5000)).toBe(false);
    expect(await names(runner)).toEqual(['a']);
    expect(runner.status()).toMatchObject({ state: 'stopped', error: expect.stringContaining('its data is not JSON') });
  });

  it('retries a transaction that failed for a passing reason', async () => {
    const consumer = new Names();
    let failures = 0;
    consumer.before = () => {
      if (failures++ < 3) throw diskFull();
    };
    const runner = await run(consumer, { retryMs: 1 });
    expect(await runner.reached(rename('a', 'b'), 5000)).toBe(true);
    expect(consumer.batches).toEqual([2]);
    expect(runner.status().error).toBeUndefined();
  });

  it('reports its lag while it cannot write', async () => {
    const consumer = new Names();
    let full = true;
    consumer.before = () => {
      if (full) throw diskFull();
    };
    const at = new Date('2026-01-01T00:00:00.000Z');
    const runner = await run(consumer, { retryMs: 1, now: () => at.getTime() + 7000 });
    store.record({ stream: 'endpoint-1', event: { type: 'endpoint.renamed', data: { name: 'a' } }, at });
    const behind = { lagSeconds: 7, lagEvents: 1, error: expect.stringContaining(diskFull().message) };
    await waitFor(() => expect(runner.status()).toMatchObject(behind), patience);
    full = false;
    await waitFor(() => expect(runner.status()).toMatchObject({ lagSeconds: 0, lagEvents: 0 }), patience);
  });

  it('builds a new version beside the old one, which answers queries meanwhile', async () => {
    rename('a', 'b');
    const first = await run(new Names());
    await first.reached(rename('c'), 5000);
    await first.stop();

    const consumer = new Names(2, 1, (name) => name.toUpperCase());
    let ready = false;
    consumer.before = () => {
      if (!ready) throw diskFull();
    };
    const second = await run(consumer, { retryMs: 1 });
    expect(await names(second)).toEqual(['a', 'b', 'c']);
    ready = true;
    await waitFor(async () => expect(await names(second)).toEqual(['A', 'B', 'C']), patience);
    await waitFor(async () => expect(await place.open().versions('names')).toEqual([2]), patience);
  });

  it('does not answer from an older version whose tables today’s queries cannot read', async () => {
    const first = await run(new Names());
    await first.reached(rename('a'), 5000);
    await first.stop();
    const consumer = new Names(2, 2);
    consumer.before = () => {
      throw diskFull();
    };
    const second = await run(consumer);
    expect(await names(second)).toEqual([]);
  });

  it.runIf(name === 'sqlite').each([
    ['is damaged', 'x'.repeat(8192)],
    ['has lost its head', '\0'.repeat(8192)],
  ])('rebuilds a file that %s', async (_, content) => {
    const first = await run(new Names());
    const position = rename('a');
    await first.reached(position, 5000);
    await first.stop();
    if (place.location.kind === 'sqlite') writeFileSync(join(place.location.folder, 'names@1.db'), content);
    const second = await run(new Names());
    expect(await second.reached(position, 5000)).toBe(true);
    expect(await names(second)).toEqual(['a']);
    expect(log.warn).toHaveBeenCalledWith(expect.anything(), expect.stringContaining('rebuilding it from the log'));
  });

  it('finishes its transaction before it stops', async () => {
    const runner = await run(new Names());
    await runner.reached(rename('a'), 5000);
    rename('b');
    await runner.stop();
    expect(runner.status().state).toBe('stopped');
    const again = await run(new Names());
    await again.reached((await store.tip()) as Position, 5000);
    expect(await names(again)).toEqual(['a', 'b']);
  });
});
