import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { dueCause, subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { ReleaseEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import { createDueAttempts, rowOf, type DueAttemptsSchema } from './due-attempts-table.ts';
import type { ClaimRequest } from './due-attempts.ts';
import { OwnDueAttempts } from './own-due-attempts.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const attempt = (id: string, endpointId: EndpointId, dueAt: number, test = false, delayMs = 0, requestedBy?: 'person' | 'bulk-retry') =>
  new ScheduleAttempt(
    id as DeliveryId,
    { ...subject, endpointId, ...(test ? { test: true } : {}) },
    2,
    1,
    test ? 'no-stream' : 5,
    dueAt,
    dueCause,
    undefined,
    delayMs,
    requestedBy,
  );

describe.each(databaseKinds)('the table of due attempts on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let namespace: Tables<DueAttemptsSchema>;
  let due: OwnDueAttempts;
  const [a, b, c, d] = [attempt('a', e1, 30), attempt('b', e1, 10, true), attempt('c', e1, 20), attempt('d', e2, 25)];

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    place = await make();
    namespace = await place.open().open('due', 1, createDueAttempts);
    due = new OwnDueAttempts(
      () => namespace.read,
      () => Date.now(),
    );
    await namespace.transaction((tx) => tx.upsert('due_attempts', ['id'], [a, b, c, d].map(rowOf)));
  });
  afterEach(async () => {
    vi.useRealTimers();
    await namespace.close();
    await place.discard();
  });

  const claim = async (
    now: number,
    { limit = 10, only, size = 0 }: { limit?: number; only?: ClaimRequest['only']; size?: number } = {},
  ) => {
    vi.setSystemTime(now);
    return due.claim(e1, { limit, only, tracked: { size } });
  };
  const all = { more: false };

  it('gives what was written, the oldest first', async () => expect(await claim(30)).toEqual({ ...all, attempts: [b, c, a] }));
  it('gives no more than asked for, and says that there may be more', async () =>
    expect(await claim(30, { limit: 2 })).toEqual({ more: true, attempts: [b, c] }));
  it('gives what is under way on top, as it does not know it', async () =>
    expect(await claim(30, { limit: 1, size: 1 })).toEqual({ more: true, attempts: [b, c] }));
  it('gives what is due and nothing else', async () => expect(await claim(29)).toEqual({ ...all, attempts: [b, c] }));
  it('gives tests alone', async () => expect(await claim(30, { only: 'tests' })).toEqual({ ...all, attempts: [b] }));
  it('gives what a person waits for alone: tests and retries of one delivery', async () => {
    const requested = [attempt('p', e1, 30, false, 0, 'person'), attempt('q', e1, 30, false, 0, 'bulk-retry')];
    await namespace.transaction((tx) => tx.upsert('due_attempts', ['id'], requested.map(rowOf)));
    expect((await claim(30, { only: 'urgent' })).attempts.map(({ id }) => id as string)).toEqual(['b', 'p']);
  });
  it('finds them without a look at all that waits there', async () => {
    const waiting = Array.from({ length: 50_000 }, (_, n) => attempt(`w${n}`, e1, 1));
    await namespace.transaction((tx) => tx.upsert('due_attempts', ['id'], waiting.map(rowOf)));
    const timed = async (options: { limit?: number; only?: ClaimRequest['only'] }) => {
      const began = performance.now();
      for (let i = 0; i < 10; i++) await claim(30, options);
      return performance.now() - began;
    };
    for (const only of ['tests', 'urgent'] as const) {
      await timed({ only });
      // As fast as one that stops at the first row.
      expect(await timed({ only })).toBeLessThan(100 + 10 * (await timed({ limit: 1 })));
    }
  });
  it('names the endpoints that something became due to, each once, and says when the next becomes due', async () => {
    const becameDue = async (after: number, now: number) => {
      vi.setSystemTime(now);
      const { endpoints, ...rest } = await due.dueSince(after);
      return { endpoints: [...endpoints].sort(), ...rest };
    };
    expect(await becameDue(0, 30)).toEqual({ endpoints: [e1, e2], urgent: [e1], until: 30, nextAt: undefined });
    expect(await becameDue(10, 20)).toEqual({ endpoints: [e1], urgent: [], until: 20, nextAt: 25 });
    expect(await becameDue(20, 24)).toEqual({ endpoints: [], urgent: [], until: 24, nextAt: 25 });
  });
  it('lets nothing wait longer than its delay once the clock was set back', async () => {
    const late = [attempt('late', e2, 600_100, false, 100), attempt('patient', e2, 600_100, false, 700_000)];
    await namespace.transaction((tx) => tx.upsert('due_attempts', ['id'], late.map(rowOf)));
    vi.setSystemTime(50);
    await namespace.transaction((tx) => due.limitWaits(tx));
    const rows = await namespace.read.selectFrom('due_attempts').select(['id', 'due_at', 'ready_at']).where('delay_ms', '>', 0).execute();
    expect(new Map(rows.map((row) => [row.id as string, [row.due_at, row.ready_at]]))).toEqual(
      new Map([
        ['late', [150, 150]],
        ['patient', [600_100, 600_100]],
      ]),
    );
    expect(await claim(50)).toEqual({ ...all, attempts: [b, c, a] });
  });
  it('releases what waits for an endpoint', async () => {
    await namespace.transaction((tx) => due.releaseEndpoint(new ReleaseEndpoint(e1, 15, { causationId: 'deleted' }), tx));
    const { attempts } = await claim(15);
    const dueAt = new Map(attempts.map((each) => [each.id as string, each.dueAt]));
    expect(dueAt).toEqual(new Map(Object.entries({ a: 15, b: 10, c: 15 })));
  });
});
