// Copying a log: from the data folder to a server and back, twice, interrupted, and what is refused.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { copyLog } from '../../src/event-store/copy-log.ts';
import { positionInLogOf } from '../../src/event-store/provenance.ts';
import { LogUnusable, type EventStore, type RecordedEvent } from '../../src/event-store/event-store.ts';
import { openLog, openStoredLog, type LogAddress } from '../../src/event-store/open-log.ts';
import type { StoredLog } from '../../src/event-store/stored-log.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { renamed, write } from './append-pairs.ts';
import { take } from './contract-log.ts';

const log = { info: () => {}, warn: () => {} };
let double: LogServerDouble;
let root: string;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  double = await LogServerDouble.start();
});
afterAll(() => double.stop());
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hookledger-copy-'));
});
afterEach(async () => {
  await double.call('heal');
  for (const close of closing.splice(0).toReversed()) await close();
  rmSync(root, { recursive: true });
});

const folder = (name: string): LogAddress => ({ kind: 'embedded', directory: join(root, name) });
const newLogAt = (url: string): LogAddress => ({ kind: 'eventstoredb', url, prefix: `c${randomUUID().slice(0, 8)}_` });

const real = process.env['TEST_EVENTSTORE_URL'];
const servers = [{ name: 'the double', url: () => double.url() }, ...(real ? [{ name: 'a real server', url: () => real }] : [])];

const stored = async (address: LogAddress, create = true): Promise<StoredLog> => {
  const opened = await openStoredLog(address, { log, create });
  closing.push(() => opened.close());
  return opened;
};
const closeAll = async () => {
  for (const close of closing.splice(0).toReversed()) await close();
};
const copy = async (from: LogAddress, to: LogAddress, abortAfter = Infinity) => {
  const ending = new AbortController();
  const progress = ({ events }: { readonly events: number }) => {
    if (events >= abortAfter) ending.abort();
  };
  try {
    return await copyLog(await stored(from, false), await stored(to), { signal: ending.signal, progress });
  } finally {
    await closeAll();
  }
};
const using = async <T>(address: LogAddress, work: (store: EventStore) => Promise<T>): Promise<T> => {
  const { store } = await openLog(address, log);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
};
const all = (address: LogAddress, count: number) => using(address, (store) => take(store, undefined, count));
const withoutPlace = ({ id, stream, revision, type, data, metadata, recordedAt }: RecordedEvent) => ({
  id,
  stream,
  revision,
  type,
  data,
  metadata,
  recordedAt,
});

/** Streams of several events, mixed, so that their order is one of the whole log. */
const fill = (address: LogAddress, count: number) =>
  using(address, async (store) => {
    const streams = Array.from({ length: 10 }, () => `endpoint-${randomUUID()}`);
    for (const stream of streams) await store.append([write(stream, 'no-stream', renamed('first'))]);
    for (let i = streams.length; i < count; i += 1) {
      const stream = streams[(i * 7) % 10] ?? '';
      const revision = (await store.readStream(stream)).length - 1;
      await store.append([write(stream, revision, renamed(`${i} – ü "quoted" \uD800`))]);
    }
  });
const refusal = async (copying: Promise<unknown>) => {
  const error: unknown = await copying.then(
    () => expect.unreachable('it was copied'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LogUnusable);
  return error instanceof Error ? error.message : '';
};

describe.each(servers)('with $name, a copy of a log', ({ name, url }) => {
  const onServer = () => newLogAt(url());

  it('has the same events in the same order, recorded at the same time, and knows where they stood in each log before', async () => {
    const [first, second, third] = [folder('a'), onServer(), folder('b')];
    await fill(first, 60);
    const originals = await all(first, 60);
    expect(await copy(first, second)).toEqual({ events: 60, copied: 60 });
    const there = await all(second, 60);
    expect(there.map(withoutPlace)).toEqual(originals.map(withoutPlace));
    expect(there.map(({ copiedFrom }) => copiedFrom)).toEqual(originals.map(({ position }) => [position]));

    await using(second, (store) => store.append([write(`endpoint-${randomUUID()}`, 'no-stream', renamed('recorded there'))]));
    expect(await copy(second, third)).toEqual({ events: 61, copied: 61 });
    const back = await all(third, 61);
    const recordedThere = await all(second, 61);
    expect(back.map(withoutPlace)).toEqual(recordedThere.map(withoutPlace));
    expect(back.slice(0, 60).map(({ copiedFrom }) => copiedFrom)).toEqual(
      originals.map(({ position }, i) => [position, there[i]?.position]),
    );

    // What an event says of another's place can be compared, in the log where the one was recorded.
    const [oldest, newest] = [back[0], back[60]];
    if (!oldest || !newest) throw new Error('There are none.');
    expect(positionInLogOf({ copiedFrom: back[5]?.copiedFrom ?? [] }, oldest)).toBe(originals[0]?.position);
    expect(positionInLogOf(newest, oldest)).toBe(there[0]?.position);
    expect(positionInLogOf({}, oldest)).toBe(oldest.position);
    expect(positionInLogOf(oldest, newest)).toBeUndefined();
  });

  it('goes on like the original: at the revisions where it stood, and repeated appends write nothing', async () => {
    const [from, to] = [folder('a'), onServer()];
    const stream = `endpoint-${randomUUID()}`;
    const writes = [write(stream, 'no-stream', renamed('a'), renamed('b'))];
    await using(from, (store) => store.append(writes));
    await copy(from, to);
    await using(to, async (store) => {
      expect(await store.append(writes)).toMatchObject([{ revision: 1, deduplicated: true }]);
      expect(await store.append([write(stream, 1, renamed('c'))])).toMatchObject([{ revision: 2 }]);
    });
  });

  it.each<[string, () => LogAddress]>([
    ['a data folder', () => folder('b')],
    ['a server', onServer],
  ])('goes on where it was interrupted, and brings what was added since, to %s', async (_, target) => {
    const [from, to] = [folder('a'), target()];
    await using(from, async (store) => {
      for (let i = 0; i < 12; i += 1)
        await store.append(Array.from({ length: 100 }, () => write(`endpoint-${randomUUID()}`, 'no-stream', renamed('x'), renamed('y'))));
    });
    expect(await copy(from, to, 1_000)).toBeUndefined();
    await using(from, (store) => store.append([write(`endpoint-${randomUUID()}`, 'no-stream', renamed('later'))]));
    const result = await copy(from, to);
    expect(result?.events).toBe(2_401);
    expect(result?.copied).toBeLessThan(1_500);
    expect(await copy(from, to)).toEqual({ events: 2_401, copied: 0 });
  });

  it.runIf(name === 'the double')('is in order though the connection breaks in the midst of it', async () => {
    const [from, to] = [folder('a'), onServer()];
    await using(from, async (store) => {
      for (let i = 0; i < 12; i += 1)
        await store.append(Array.from({ length: 100 }, () => write(`endpoint-${randomUUID()}`, 'no-stream', renamed('x'))));
    });
    const copying = copy(from, to);
    const before = (await double.call('counts')).appends;
    for (let breaks = 0; breaks < 3; breaks += 1) {
      while ((await double.call('counts')).appends < before + 200 * (breaks + 1)) await new Promise((resolve) => setImmediate(resolve));
      await double.call('breakConnections');
    }
    expect(await copying).toEqual({ events: 1_200, copied: 1_200 });
  });

  it('has also what this version cannot read', async () => {
    const [from, to] = [folder('a'), onServer()];
    await fill(from, 12);
    const db = new DatabaseSync(join(root, 'a', 'log.db'));
    db.exec(`INSERT INTO events SELECT max(sequence) + 1, 'endpoint-x', 0, '${randomUUID()}', 'endpoint.exploded', max(recorded_at),
      '{ "force": 7 }', '{ "v": 99 }' FROM events`);
    db.close();
    expect(await copy(from, to)).toEqual({ events: 13, copied: 13 });
  });

  it('of an empty log is an empty log', async () => {
    const [from, to] = [folder('a'), onServer()];
    await using(from, async () => {});
    expect(await copy(from, to)).toEqual({ events: 0, copied: 0 });
  });
});

describe.each(servers)('with $name, is refused:', ({ url }) => {
  const onServer = () => newLogAt(url());

  it('a log that is not there', async () => {
    expect(await refusal(copy(folder('nowhere'), folder('b')))).toMatch(/There is no log of Hookledger in .*nowhere/);
    expect(await refusal(copy(onServer(), folder('b')))).toMatch(/There is no log of Hookledger with the prefix/);
  });

  it('a target that holds events of its own, and one that holds a copy of another log', async () => {
    const [from, other, to] = [folder('a'), folder('b'), onServer()];
    await fill(from, 12);
    await fill(other, 12);
    expect(await refusal(copy(from, other))).toMatch(/b holds events of its own\. Copy into an empty log/);
    await copy(from, to);
    expect(await refusal(copy(other, to))).toMatch(/holds a copy of a log other than/);
  });

  it('a copy that differs from the original', async () => {
    const [from, to] = [folder('a'), folder('b')];
    await fill(from, 20);
    await copy(from, to);
    const db = new DatabaseSync(join(root, 'b', 'log.db'));
    db.exec(`UPDATE events SET data = '{"name":"another"}' WHERE sequence = 15`);
    db.close();
    expect(await refusal(copy(from, to))).toMatch(/differs from .*a at event 15 \(endpoint\.renamed in endpoint-.*Copy again/);
  });

  it('a log whose events are no JSON', async () => {
    const from = folder('a');
    await fill(from, 12);
    const db = new DatabaseSync(join(root, 'a', 'log.db'));
    db.exec(`UPDATE events SET metadata = 'none' WHERE sequence = 12`);
    db.close();
    expect(await refusal(copy(from, folder('b')))).toMatch(/position 0{14}12 of .* can't be copied: its data or metadata is not JSON/);
  });
});
