// The configuration in a table: a start reads as much as there is configuration, and what it reads is what the log has.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, postgresUrl, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix } from '../../../test/support/postgres.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { asPosition, type Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import { UndecodableEvent } from '../../event-store/event-store.ts';
import type { ConfigurationBatch } from '../../event-store/unindexed-configuration.ts';
import type { Database } from '../engine/database/database.ts';
import { PostgresDatabase } from '../engine/database/postgres.ts';
import { ConfigurationChunks } from './configuration-chunks.ts';
import { TabledConfiguration } from './tabled-configuration.ts';

const positionOf = (n: number) => asPosition(String(n).padStart(16, '0'));

/** Finds its configuration only by looking at every event, and counts them. */
class ScannedLog {
  private readonly events: (StoredEvent | 'message')[] = [];
  private grown = Promise.withResolvers<void>();
  looked = 0;

  renamed(...names: readonly unknown[]): void {
    for (const name of names) {
      const n = this.events.length + 1;
      const stored = { id: `e${n}`, type: 'endpoint.renamed', data: JSON.stringify({ name }), metadata: '{"v":1,"actor":"test"}' };
      this.add({ ...stored, stream: 'endpoint-e1', revision: n, position: positionOf(n), recordedAt: '2026-01-01T12:00:00.000Z' });
    }
  }

  messages(count: number): void {
    for (let n = 0; n < count; n++) this.add('message');
  }

  lose(count: number): void {
    this.events.splice(-count);
  }

  private add(event: StoredEvent | 'message'): void {
    this.events.push(event);
    this.grown.resolve();
    this.grown = Promise.withResolvers();
  }

  tip = async () => (this.events.length === 0 ? undefined : positionOf(this.events.length));

  async *followStoredConfiguration(after: Position | undefined, { signal }: { signal: AbortSignal }): AsyncGenerator<ConfigurationBatch> {
    let next = after === undefined ? 0 : Number(after);
    for (let isEndTold = false; !signal.aborted;) {
      const page = this.events.slice(next, next + 100);
      next += page.length;
      this.looked += page.length;
      const isEnd: boolean = !isEndTold && next === this.events.length;
      isEndTold ||= isEnd;
      if (page.length > 0 || isEnd) yield { events: page.filter((event) => event !== 'message'), through: positionOf(next), isEnd };
      else {
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        await Promise.race([this.grown.promise, aborted]);
      }
    }
  }
}

let opened: AsyncDisposableStack;
let log: ScannedLog;
let warnings: string[];
const keys = [randomBytes(32)];
beforeEach(() => {
  opened = new AsyncDisposableStack();
  log = new ScannedLog();
  warnings = [];
});
afterEach(() => opened.disposeAsync());

type Options = { readonly keys?: readonly Buffer[]; readonly logId?: string };
const openChunks = (database: Database, options: Options, closing: AsyncDisposableStack) =>
  ConfigurationChunks.open(database, options.keys ?? keys, options.logId ?? 'log', closing);

/** One run of the process: reads to the end of the log, waits until all is written, and ends. @returns what the directory got */
const run = async (database: Database, options: Options = {}, whileRunning: () => void = () => undefined) => {
  await using closing = new AsyncDisposableStack();
  const chunks = await openChunks(database, options, closing);
  const logger = { info: () => undefined, warn: (_: unknown, text?: string) => void warnings.push(text ?? String(_)) };
  const tabled = new TabledConfiguration(log, chunks, logger);
  closing.use(tabled.keepWriting(10));
  const ending = new AbortController();
  const got: unknown[] = [];
  let isEnd = false;
  const following = (async () => {
    for await (const batch of tabled.followConfiguration(undefined, { signal: ending.signal })) {
      isEnd ||= batch.length === 0;
      for (const event of batch) got.push(event instanceof UndecodableEvent ? event.message : 'name' in event.data && event.data.name);
    }
  })();
  await waitFor(() => expect(isEnd).toBe(true));
  whileRunning();
  await waitFor(async () => expect((await chunks.last())?.to).toBe(await log.tip()));
  ending.abort();
  await following;
  return got;
};
const names = (count: number) => Array.from({ length: count }, (_, n) => `name ${n}`);

describe.each(databaseKinds)('on $name', ({ make }) => {
  let database: DatabaseUnderTest;
  beforeEach(async () => {
    database = await make();
    opened.defer(() => database.discard());
  });

  it('a start looks at as many events of the log as came since the last run, however many there are', async () => {
    log.renamed(...names(3));
    log.messages(5_000);
    expect(await run(database.open())).toEqual(names(3));
    expect(log.looked).toBe(5_003);
    log.looked = 0;
    expect(await run(database.open())).toEqual(names(3));
    expect(log.looked).toBe(0);
    log.messages(10);
    log.renamed('newest');
    expect(await run(database.open())).toEqual([...names(3), 'newest']);
    expect(log.looked).toBe(11);
  });

  it('more than fits a chunk comes back in its order', async () => {
    log.renamed(...names(1_234));
    expect(await run(database.open())).toEqual(names(1_234));
    log.looked = 0;
    log.renamed('and one');
    expect(await run(database.open())).toEqual([...names(1_234), 'and one']);
    expect(log.looked).toBe(1);
  });

  it('an event that can not be read comes as such each time, in its place', async () => {
    log.renamed('a', 7, 'b');
    const first = await run(database.open());
    expect(first).toEqual(['a', expect.stringContaining("can't be read"), 'b']);
    expect(await run(database.open())).toEqual(first);
    expect(warnings).toEqual([]);
  });

  const tamper = async (work: (chunks: ConfigurationChunks) => Promise<unknown>) => {
    await using closing = new AsyncDisposableStack();
    await work(await openChunks(database.open(), { keys: [randomBytes(32)] }, closing));
  };

  it('what somebody else wrote into the table is not believed: the log is read, and the table written again', async () => {
    log.renamed('a');
    await run(database.open());
    const forged = { id: 'x', type: 'endpoint.renamed', data: '{"name":"forged"}', metadata: '{"v":1,"actor":"test"}' };
    const stored = { ...forged, stream: 'endpoint-e1', revision: 1, position: positionOf(2), recordedAt: '2026-01-01T12:00:00.000Z' };
    await tamper((chunks) => chunks.add({ from: positionOf(1), to: positionOf(2), events: [stored] }));
    log.renamed('b');
    expect(await run(database.open())).toEqual(['a', 'b']);
    expect(warnings).toEqual([expect.stringContaining('after position 0000000000000001')]);
    log.looked = 0;
    expect(await run(database.open())).toEqual(['a', 'b']);
    expect(log.looked).toBe(0);
  });

  it('what another installation or log left there is not used', async () => {
    log.renamed('a');
    await run(database.open(), { keys: [randomBytes(32)] });
    await run(database.open());
    expect(warnings).toEqual([expect.stringContaining('as a whole')]);
    await run(database.open(), { logId: 'another' });
    expect(warnings).toHaveLength(2);
  });

  it('a key before the current one still proves it', async () => {
    log.renamed('a');
    await run(database.open());
    log.looked = 0;
    expect(await run(database.open(), { keys: [randomBytes(32), ...keys] })).toEqual(['a']);
    expect(log.looked).toBe(0);
  });

  it('a table that goes on beyond the end of the log is not used', async () => {
    log.renamed(...names(4));
    await run(database.open());
    log.lose(2);
    expect(await run(database.open())).toEqual(names(2));
    log.renamed('other');
    expect(await run(database.open())).toEqual([...names(2), 'other']);
  });
});

it('replicas write one table between them, and one goes on where another ends', async () => {
  const [url, prefix] = [await postgresUrl(), newPrefix()];
  opened.defer(() => dropSchemasOfGuest(url, prefix));
  const open = () => new PostgresDatabase({ url, prefix, shared: true }, { warn: () => undefined });
  log.renamed(...names(700));
  const both = await Promise.all([run(open()), run(open())]);
  expect(both).toEqual([names(700), names(700)]);
  log.looked = 0;
  log.renamed('then');
  expect(await run(open(), {}, () => log.messages(3))).toEqual([...names(700), 'then']);
  expect(log.looked).toBeLessThanOrEqual(4);
  expect(warnings).toEqual([]);
});
