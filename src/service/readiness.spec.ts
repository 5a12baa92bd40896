import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AppendWatch } from '../commands/append-watch.ts';
import { position } from '../domain/ids.ts';
import { LogUnavailable } from '../event-store/event-store.ts';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';
import { Readiness, Standstills } from './readiness.ts';

const positionOf = (n: number) => position.parse(String(n).padStart(16, '0'));
const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
afterAll(() => rmSync(folder, { recursive: true }));
const status = (more: Partial<ConsumerStatus> = {}): ConsumerStatus => ({
  name: 'views',
  version: 1,
  state: 'live',
  position: positionOf(7),
  lagEvents: 0,
  lagSeconds: 0,
  ...more,
});
const never = () => new Promise<never>(() => undefined);
const readinessOf = (more: Partial<ConstructorParameters<typeof Readiness>[0]> = {}) =>
  new Readiness({
    store: { tip: async () => positionOf(7) },
    appends: new AppendWatch(),
    logFolder: folder,
    readViews: async () => undefined,
    database: undefined,
    viewsProgress: () => undefined,
    consumers: () => [status(), status({ name: 'delivery-saga' })],
    directory: () => status({ name: 'endpoint-directory' }),
    ...more,
  });

describe('readiness', () => {
  it('says that the log works, and leaves no file behind', async () => {
    expect(await readinessOf().log()).toEqual({ tip: positionOf(7) });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says so within two seconds when the log, the database or the views do not answer', async () => {
    const began = performance.now();
    const hung = readinessOf({ store: { tip: never }, readViews: never, database: never });
    await Promise.all([
      expect(hung.log()).rejects.toThrow('The log did not answer within 1.5 s.'),
      expect(hung.database?.()).rejects.toThrow('The database did not answer within 1.5 s.'),
      expect(hung.consumers()).resolves.toMatchObject([
        { name: 'views', isImpeded: true, error: "The views can't be read: The tables of the views did not answer within 1.5 s." },
        { name: 'delivery-saga' },
      ]),
    ]);
    expect(performance.now() - began).toBeLessThan(4_000); // 1.5 s, and what a busy machine is late
  });

  it('says that the views are being built, and how far they are', async () => {
    const views = { name: 'views', isBuilding: true, error: 'The views are being built from the log: 4 % of it is applied.' };
    const building = readinessOf({ viewsProgress: () => views.error });
    expect(await building.consumers()).toMatchObject([views, { name: 'delivery-saga' }]);
    expect(await readinessOf().consumers()).not.toMatchObject([{ isBuilding: true }, {}]);
  });

  it('says so when the disk of the log can not be written', async () => {
    await expect(readinessOf({ logFolder: join(folder, 'gone') }).log()).rejects.toThrow(/^The folder .*gone can't be written \(ENOENT/);
  });

  it('says so when an append has just failed, until one succeeds or none has followed for a while', async () => {
    let now = 0;
    const appends = new AppendWatch(() => now);
    const readiness = readinessOf({ appends });
    const fail = () => appends.watch(Promise.reject(new LogUnavailable('The disk is full.'))).catch(() => undefined);
    await fail();
    await expect(readiness.log()).rejects.toThrow('The disk is full.');
    await appends.watch(Promise.resolve());
    await readiness.log();
    await fail();
    now = 5_001;
    await readiness.log();
  });
});

describe('a live consumer that has events to apply', () => {
  it('stands still if it stays where it is, and no longer once it moves', () => {
    let now = 0;
    let current = status({ lagEvents: 3 });
    const standstills = new Standstills(
      () => [current],
      () => now,
    );
    const sampleAt = (at: number) => {
      now = at;
      standstills.sample();
      return standstills.of(current);
    };
    expect(sampleAt(0)).toBeUndefined();
    expect(sampleAt(1_499)).toBeUndefined();
    expect(sampleAt(1_600)).toBe('It has not moved for 1.6 s, with 3 events to apply.');
    current = status({ lagEvents: 2, position: positionOf(8) });
    expect(sampleAt(2_000)).toBeUndefined();
    expect(sampleAt(4_000)).toMatch(/^It has not moved for 2\.0 s/);
    current = status({ position: positionOf(10) });
    expect(sampleAt(4_100)).toBeUndefined();
  });
});
