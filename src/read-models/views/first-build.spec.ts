import { describe, expect, it } from 'vitest';
import { position, type Position } from '../../domain/ids.ts';
import type { ConsumerStatus } from '../engine/consumer-runner.ts';
import { FirstBuild, ViewsIncomplete } from './first-build.ts';

const at = (n: number) => position.parse(String(n).padStart(16, '0'));
const status: ConsumerStatus = { name: 'views', version: 1, state: 'catching-up', position: undefined, lagEvents: 0, lagSeconds: 0 };

const given = (more: Partial<ConsumerStatus> & { readonly readsOlderVersion?: boolean } = {}) => {
  let { readsOlderVersion = false, ...now } = { ...status, ...more };
  const awaited: Position[] = [];
  const build = new FirstBuild({
    get readsOlderVersion() {
      return readsOlderVersion;
    },
    status: () => now,
    reached: (each) => Promise.resolve(awaited.push(each) > 0),
  });
  const become = (next: typeof more) => ({ readsOlderVersion = false, ...now } = { ...now, ...next });
  return { build, become, awaited };
};

describe('the first build of the views', () => {
  it('is not done before it has begun', () => expect(given({ position: at(9) }).build.isDone).toBe(false));

  it('is done at once if the log was empty, or the tables are at its end', () => {
    for (const [tip, reached] of [
      [undefined, undefined],
      [at(7), at(7)],
      [at(7), at(9)],
    ]) {
      const { build } = given({ position: reached });
      build.begin(tip);
      expect([build.isDone, build.progress]).toEqual([true, undefined]);
      build.check();
    }
  });

  it.each(['starting', 'catching-up', 'elsewhere', 'stopped'] as const)('refuses queries before the end of the log (%s)', (state) => {
    const { build } = given({ state, position: at(40) });
    build.begin(at(100));
    expect(() => build.check()).toThrow(ViewsIncomplete);
    expect(() => build.check()).toThrow(/^The views are being built from the log: 25 % of it is applied\. Try again in a few seconds/);
  });

  it('stays done once it was: views that are behind later are only late', () => {
    const { build, become } = given({ position: at(100) });
    build.begin(at(100));
    expect(build.isDone).toBe(true);
    become({ state: 'stopped', position: at(99) });
    expect(build.isDone).toBe(true);
  });

  it('lets queries read the complete tables of an older version meanwhile, and those that a newer version has passed', () => {
    const older = given({ position: at(4), readsOlderVersion: true });
    older.build.begin(at(100));
    expect(older.build.isDone).toBe(true);
    older.become({ readsOlderVersion: false });
    expect(older.build.isDone).toBe(false);
    const superseded = given({ position: at(4), state: 'superseded' });
    superseded.build.begin(at(100));
    expect(superseded.build.isDone).toBe(true);
  });

  it('says what stops it', () => {
    const { build } = given({ state: 'stopped', error: "The event at position 7 can't be applied." });
    build.begin(at(100));
    expect(build.progress).toBe("The views are being built from the log: 0 % of it is applied. The event at position 7 can't be applied.");
  });

  it('waits for the end of the log if there is time, and refuses then', async () => {
    const { build, become, awaited } = given();
    build.begin(at(100));
    await expect(build.pass(0)).rejects.toThrow(ViewsIncomplete);
    expect(awaited).toEqual([]);
    await expect(build.pass(10)).rejects.toThrow(ViewsIncomplete);
    expect(awaited).toEqual([at(100)]);
    become({ position: at(100) });
    await build.pass(10);
  });
});
