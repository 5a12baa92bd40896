// The slots of a bound that replicas share; replicas.spec.ts shows whole replicas that have them.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../test/support/postgres.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { PostgresDatabase } from '../../read-models/engine/database/postgres.ts';
import { createDueAttempts, type DueAttemptsSchema } from './due-attempts-table.ts';
import type { ReplicaNotice } from './replica-notices.ts';
import { SharedClock } from './shared-clock.ts';
import { SharedSlots, type SlotsListener } from './shared-slots.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];

let url: string;
let prefix: string;
/** A lease is 6 s longer. */
let timeoutMs: number;
const closing: (() => Promise<unknown>)[] = [];
const failures: unknown[] = [];

beforeEach(async () => {
  url = await postgresUrl();
  prefix = newPrefix();
  timeoutMs = 60_000;
  failures.length = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await dropSchemasOfGuest(url, prefix);
  if (failures.length > 0) throw new Error('Something failed on the way.', { cause: failures });
});

describe('slots', () => {
  const replica = async (name: string, bound: number, lookEveryMs = 200) => {
    const database = new PostgresDatabase({ url, prefix, shared: true }, { warn: () => undefined });
    const namespace: Tables<DueAttemptsSchema> = await database.open('due', 1, createDueAttempts);
    const clock = new SharedClock();
    clock.lead();
    const slots = new SharedSlots(
      name,
      () => bound,
      () => namespace,
      () => timeoutMs,
      { error: (...what: unknown[]) => void failures.push(what) },
      clock,
      lookEveryMs,
    );
    const user = { slotsChanged: vi.fn<SlotsListener['slotsChanged']>(), slotsExhausted: vi.fn<SlotsListener['slotsExhausted']>() };
    slots.attach(user);
    namespace.group?.listen({
      onMessage: (what) => {
        const { free = [], lacking = [] } = JSON.parse(what ?? '{}') as ReplicaNotice;
        slots.slotsFreed(free);
        slots.yieldHalf(lacking);
      },
    });
    await namespace.group?.acquireLeadership();
    closing.push(async () => {
      slots.stop();
      await namespace.close();
    });
    /** Resolves when it is told what came of it. */
    const ask = async (id: EndpointId, most: number) => {
      const told = user.slotsChanged.mock.calls.length + user.slotsExhausted.mock.calls.length;
      slots.request(id, most);
      await waitFor(() => expect(user.slotsChanged.mock.calls.length + user.slotsExhausted.mock.calls.length).toBeGreaterThan(told));
      return slots.held(id);
    };
    const takeAll = (id: EndpointId) => {
      let taken = 0;
      while (slots.take(id)) taken++;
      return taken;
    };
    return { slots, user, ask, takeAll };
  };
  const rows = async () => {
    const { rows } = await withPostgres(url, (client) => client.query(`SELECT * FROM ${prefix}_due_1.slots ORDER BY endpoint_id, number`));
    return rows as { endpoint_id: string; number: number; replica: string; held_until: string }[];
  };
  /** As time does it. */
  const endLeases = (where = 'true') =>
    withPostgres(url, (client) => client.query(`UPDATE ${prefix}_due_1.slots SET held_until = 0 WHERE ${where}`));
  const of = async (name: string) => (await rows()).filter(({ replica }) => replica === name).length;

  it('are as many as the bound, however many ask at one time', async () => {
    const replicas = await Promise.all(['a', 'b', 'c'].map((name) => replica(name, 8)));
    for (const { user, takeAll } of replicas) user.slotsChanged.mockImplementation(takeAll);
    await Promise.all(replicas.map(({ ask }) => ask(e1, 5)));
    expect(replicas.reduce((sum, { slots }) => sum + slots.inUse(e1), 0)).toBe(8);
    expect((await rows()).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('are each endpoint’s own, and asked for together', async () => {
    const a = await replica('a', 3);
    a.slots.request(e1, 2);
    expect(await a.ask(e2, 9)).toBe(3);
    expect([a.takeAll(e1), a.takeAll(e2)]).toEqual([2, 3]);
    a.slots.release(e1);
    expect(a.slots.take(e1)).toBe(true);
  });

  it('are refused while others have them, and had when those are given back, as is told', async () => {
    const [a, b] = [await replica('a', 1, 10_000), await replica('b', 1, 10_000)];
    await a.ask(e1, 2);
    expect(a.takeAll(e1)).toBe(1);
    expect([await b.ask(e1, 1), b.user.slotsExhausted.mock.calls, b.slots.obtainable(e1)]).toEqual([0, [[e1]], 0]);
    a.slots.release(e1);
    await a.slots.returnUnused(e1);
    await waitFor(() => expect(b.user.slotsChanged).toHaveBeenCalledWith(e1));
    expect([await b.ask(e1, 2), b.takeAll(e1)]).toEqual([1, 1]);
    expect(a.takeAll(e1)).toBe(0);
  });

  it('go to one that has none, half of them, as soon as they are not used', async () => {
    const [a, b] = [await replica('a', 4, 10_000), await replica('b', 4, 10_000)];
    await a.ask(e1, 4);
    expect(a.takeAll(e1)).toBe(4);
    expect(await b.ask(e1, 4)).toBe(0);
    await waitFor(() => {
      a.slots.release(e1); // it would take it again
      expect(a.slots.take(e1)).toBe(false);
    });
    await waitFor(() => expect(b.slots.obtainable(e1)).toBe(4)); // it was told
    expect(await b.ask(e1, 4)).toBe(1);
    a.slots.release(e1);
    await waitFor(() => expect(b.slots.obtainable(e1)).toBe(4));
    expect(await b.ask(e1, 4)).toBe(2);
    expect([a.slots.held(e1), a.slots.inUse(e1), b.takeAll(e1)]).toEqual([2, 2, 2]);
  });

  it('are given back when they are not used, and kept while they are', async () => {
    const a = await replica('a', 4);
    await a.ask(e1, 4);
    expect([a.slots.take(e1), a.slots.take(e1)]).toEqual([true, true]);
    await waitFor(async () => expect(await of('a')).toBe(2));
    a.slots.release(e1);
    a.slots.release(e1);
    await waitFor(async () => expect(await of('a')).toBe(0));
    expect(a.slots.held(e1)).toBe(0);
  });

  it('are prolonged while they are used, and free when the lease of one that is gone ends', async () => {
    const [a, b] = [await replica('a', 1), await replica('b', 1)];
    await a.ask(e1, 1);
    expect(a.slots.take(e1)).toBe(true);
    const until = async () => Number((await rows())[0]?.held_until);
    const first = await until();
    timeoutMs = 70_000;
    await waitFor(async () => expect(await until()).toBeGreaterThan(first + 9_000));
    a.slots.stop();
    await b.ask(e1, 1);
    expect(b.slots.take(e1)).toBe(false);
    await endLeases();
    await waitFor(() => expect(b.slots.obtainable(e1)).toBe(1));
    await b.ask(e1, 1);
    expect(b.slots.take(e1)).toBe(true);
  });

  it('serve no request that could last longer than their lease, until it is prolonged', async () => {
    const a = await replica('a', 2);
    await a.ask(e1, 2);
    timeoutMs = 70_000;
    expect(a.slots.take(e1)).toBe(false);
    await a.ask(e1, 2);
    expect(a.takeAll(e1)).toBe(2);
  });

  it('that another replica has taken, after a lease was lost, are gone', async () => {
    const [a, b] = [await replica('a', 2), await replica('b', 2)];
    await a.ask(e1, 2);
    expect(a.takeAll(e1)).toBe(2);
    await endLeases('number = 2');
    expect(await b.ask(e1, 2)).toBe(1);
    timeoutMs = 70_000; // so that it is to be prolonged
    await waitFor(() => expect(a.slots.held(e1)).toBe(1));
    a.slots.release(e1);
    expect(a.slots.take(e1)).toBe(false); // one is still in use
  });
});
