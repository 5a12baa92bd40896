// The embedded log: the contract of every log, and the rules that are its own.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { position } from '../../src/domain/ids.ts';
import {
  LogUnavailable,
  LogUnusable,
  WrongExpectedRevision,
  type NewEvent,
  type RecordedEvent,
} from '../../src/event-store/event-store.ts';
import { SqliteEventStore, type SqliteEventStoreOptions } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { renamed, write } from './append-pairs.ts';
import { describeEventStore } from './contract.ts';
import { take, type LogUnderTest, type SmallDisk } from './contract-log.ts';
import { startAppender } from './start-appender.ts';

const newFolder = () => mkdtemp(path.join(tmpdir(), 'hookledger-log-'));
const newStream = () => `endpoint-${randomUUID()}`;

const logIn = (directory: string): LogUnderTest => ({
  open: () => SqliteEventStore.open({ directory }),
  discard: () => rm(directory, { recursive: true }),
  writeUnreadable: async (stream) => {
    const db = new DatabaseSync(path.join(directory, 'log.db'));
    db.prepare(
      `INSERT INTO events (sequence, stream, revision, id, type, recorded_at, data, metadata)
       SELECT max(sequence) + 1, ?, 0, 'x', 'endpoint.renamed', max(recorded_at), '{"name":7}', '{"v":1,"actor":"system:test"}' FROM events`,
    ).run(stream);
    db.close();
  },
  appendPairsUntilKilled: async () => (await startAppender(directory, 'pairs')).kill(),
});

/** A real file system of 6 MiB, where we may mount one. */
const smallDisk = async (): Promise<SmallDisk> => {
  const directory = await newFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'hookledger-test', directory], { stdio: 'pipe' });
  const ballast = path.join(directory, 'ballast');
  return {
    ...logIn(directory),
    fill: async () => {
      const file = openSync(ballast, 'w');
      try {
        for (;;) writeSync(file, Buffer.alloc(64 * 1024));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      } finally {
        closeSync(file);
      }
    },
    free: () => rm(ballast),
    discard: async () => {
      execFileSync('umount', [directory]);
      await rm(directory, { recursive: true });
    },
  };
};

const canMount = await smallDisk().then(
  (disk) => disk.discard().then(() => true),
  () => false,
);

describeEventStore('The embedded log', async () => logIn(await newFolder()), { smallDisk: canMount ? smallDisk : undefined });

describe('The embedded log, on its own', () => {
  let directory: string;
  const opened: SqliteEventStore[] = [];
  const open = async (options: Partial<SqliteEventStoreOptions> = {}) => {
    const store = await SqliteEventStore.open({ directory, ...options });
    opened.push(store);
    return store;
  };
  const logFile = () => path.join(directory, 'log.db');
  const inFile = (sql: string) => {
    const db = new DatabaseSync(logFile());
    db.exec(sql);
    db.close();
  };
  /** A log of some 3 MB, closed. */
  const fillLog = async () => {
    const store = await open();
    for (let i = 0; i < 10; i += 1)
      await store.append(Array.from({ length: 100 }, () => write(newStream(), 'no-stream', renamed('x'.repeat(2000)))));
    await store.close();
  };

  beforeEach(async () => {
    directory = await newFolder();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await rm(directory, { recursive: true });
  });

  it('has positions of sixteen digits, without gaps, and goes on counting when it is reopened', async () => {
    const positions = [];
    for (let i = 0; i < 3; i += 1) {
      const store = await open();
      const [appended] = await store.append([write(newStream(), 'no-stream', renamed('x'))]);
      positions.push(appended?.position);
      await expect(store.append([write(newStream(), 3, renamed('refused'))])).rejects.toThrow(WrongExpectedRevision);
      await store.close();
    }
    expect(positions).toEqual(['0000000000000001', '0000000000000002', '0000000000000003']);
  });

  it('records the time of the clock it was given, and never an earlier one than before', async () => {
    const times = ['2026-01-01T10:00:00.000Z', '2026-01-01T09:00:00.000Z', '2026-01-01T11:00:00.000Z'];
    let now = '';
    const store = await open({ clock: () => new Date(now) });
    const recorded = [];
    for (now of times) {
      const stream = newStream();
      await store.append([write(stream, 'no-stream', renamed('x'))]);
      recorded.push((await store.readStream(stream))[0]?.recordedAt);
    }
    expect(recorded).toEqual([times[0], times[0], times[2]]);
  });

  it('gives all live followers the same objects, which are to the letter what a reader of the log gets', async () => {
    const store = await open();
    const stream = `organization-${randomUUID()}`;
    const data = { encryptionKey: 'v1.x', name: 'Keys in another order than the catalog has them' };
    const event: NewEvent = { id: randomUUID(), type: 'organization.registered', data, metadata: { actor: 'system:test' } };
    const following = [take(store, undefined, 1), take(store, undefined, 1)];
    await store.append([write(stream, 'no-stream', event)]);
    const [[one], [other]] = (await Promise.all(following)) as [RecordedEvent[], RecordedEvent[]];
    expect(one?.data).toBe(other?.data);
    expect(JSON.stringify(one?.data)).toBe(JSON.stringify((await store.readStream(stream))[0]?.data));
  });

  it.each([
    ['few events', { maxEvents: 4, maxBytes: 1e9 }],
    ['few bytes', { maxEvents: 1000, maxBytes: 1000 }],
  ])('reads from the file what is no longer in a memory of %s', async (_, recent) => {
    const store = await open({ recent });
    const live = take(store, undefined, 60, 7);
    for (let i = 0; i < 20; i += 1)
      await store.append([write(newStream(), 'no-stream', ...['a', 'b', 'c'].map((name) => renamed(`${name}${i}`)))]);
    const names = Array.from({ length: 20 }, (_, i) => [`a${i}`, `b${i}`, `c${i}`]).flat();
    for (const events of [await live, await take(store, undefined, 60), await take(store, undefined, 60, 5)])
      expect(events.map(({ data }) => ('name' in data ? data.name : ''))).toEqual(names);
  });

  it('refuses to follow from a position that is not one of its own', async () => {
    const store = await open();
    const [appended] = await store.append([write(newStream(), 'no-stream', renamed('x'))]);
    await store.close();
    await rm(logFile());
    await rm(path.join(directory, 'log.tail'));
    const other = await open();
    await expect(take(other, appended?.position, 1)).rejects.toThrow(/past the end of this log/);
    await expect(take(other, position.parse('0:12'), 1)).rejects.toThrow(/"0:12" is not a position of this log/);
  });

  it('refuses appends beyond what may wait for the disk, and takes them again when that is written', async () => {
    const store = await open({ maxQueuedBytes: 10_000 });
    const append = () => store.append([write(newStream(), 'no-stream', renamed('x'.repeat(4000)))]);
    const outcomes = await Promise.allSettled([append(), append(), append()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { name: 'LogUnavailable' } });
    await append();
  });

  it('refuses appends at the size it may have, goes on reading, and takes them when it may be larger', async () => {
    const store = await open({ maxBytes: 400_000 });
    const big = () => write(newStream(), 'no-stream', renamed('x'.repeat(100_000)));
    const failure = await (async () => {
      for (;;) {
        try {
          await store.append([big()]);
        } catch (error) {
          return error;
        }
      }
    })();
    expect(failure).toBeInstanceOf(LogUnavailable);
    expect(String(failure)).toMatch(/full/);
    const count = Number(await store.tip());
    expect(await take(store, undefined, count)).toHaveLength(count);
    await store.close();
    const larger = await open({ maxBytes: 4_000_000 });
    await larger.append([big()]);
    expect(await larger.tip()).toBe(String(count + 1).padStart(16, '0'));
  });

  it('rejects what was on its way when its writing thread dies, and starts another', async () => {
    const store = await open({ writer: new URL('dying-writer.ts', import.meta.url) });
    await store.append([write(newStream(), 'no-stream', renamed('before'))]);
    const following = take(store, undefined, 2);
    const outcomes = await Promise.allSettled([
      store.append([write('endpoint-die', 'no-stream', renamed('x'))]),
      store.append([write(newStream(), 'no-stream', renamed('y'))]),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'LogUnavailable' } });
      expect(String(outcome.status === 'rejected' && outcome.reason)).toMatch(/writer .* died.*[Rr]epeat/);
    }
    await store.append([write(newStream(), 'no-stream', renamed('after'))]);
    expect((await following).map(({ data }) => ('name' in data ? data.name : ''))).toEqual(['before', 'after']);
  });

  it('leaves one file and an empty lock when it is closed', async () => {
    await fillLog();
    expect(existsSync(`${logFile()}-wal`)).toBe(false);
    expect(statSync(path.join(directory, 'lock.db')).size).toBe(0);
  });

  describe('is not opened', () => {
    const refusal = async () => {
      const error: unknown = await open().then(
        () => expect.unreachable('it was opened'),
        (error: unknown) => error,
      );
      expect(error).toBeInstanceOf(LogUnusable);
      return String(error);
    };

    it('while another process has it, until that is killed', async () => {
      const holder = await startAppender(directory, 'hold');
      expect(holder.opened).toBe(true);
      try {
        expect(await refusal()).toMatch(/in use by another process/);
      } finally {
        await holder.kill();
      }
      await open();
    });

    it('twice in one process', async () => {
      const store = await open();
      expect(await refusal()).toMatch(/in use by another process/);
      await store.append([write(newStream(), 'no-stream', renamed('goes on'))]);
    });

    it.each<[string, () => void | Promise<void>, RegExp]>([
      ['a text file', () => writeFileSync(logFile(), 'Dear diary,\n'.repeat(200)), /is not a log of Hookledger/],
      ['a database of something else', () => inFile('CREATE TABLE diary (entry TEXT)'), /is not a log of Hookledger/],
      ['a log of a newer version', () => fillLog().then(() => inFile('PRAGMA user_version = 99')), /newer version of Hookledger/],
      ['a log without its index', () => fillLog().then(() => inFile('DROP INDEX events_by_stream')), /damaged/],
      ['a log that was cut off', () => fillLog().then(() => truncateSync(logFile(), 1_000_000)), /damaged/],
      ['a log that was emptied beside its WAL', () => (writeFileSync(logFile(), ''), writeFileSync(`${logFile()}-wal`, 'x')), /damaged/],
      [
        'a log with a stretch of other bytes',
        async () => {
          await fillLog();
          const bytes = readFileSync(logFile());
          bytes.fill('x', 500_000, 600_000);
          writeFileSync(logFile(), bytes);
        },
        /damaged/,
      ],
      [
        'a log too large to be checked whole, with such a stretch',
        async () => {
          await (await open()).close();
          inFile(`INSERT INTO events WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 18000)
            SELECT i, 'endpoint-' || i, 0, 'x', 'endpoint.renamed', 1, hex(zeroblob(1000)), '' FROM n`);
          const file = openSync(logFile(), 'r+');
          writeSync(file, Buffer.alloc(1_000_000, 'x'), 0, 1_000_000, 20_000_000);
          closeSync(file);
        },
        /damaged/,
      ],
    ])('when it is %s', async (_, prepare, sentence) => {
      await prepare();
      const before = readFileSync(logFile());
      expect(await refusal()).toMatch(sentence);
      expect(readFileSync(logFile()).equals(before)).toBe(true);
    });
  });
});
