// A lane of an endpoint that takes batches.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dueCause, subject as someone } from '../../../test/support/samples.ts';
import type { BatchId, DeliveryId, EndpointId } from '../../domain/ids.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { allSettled, appliedEvent, attempt, givenDispatcher } from './given.ts';

afterEach(() => vi.useRealTimers());

describe('a lane of an endpoint that takes batches', () => {
  const endpoint = 'e1';
  const builtWith = (maxSize: number, maxWaitMs = 1000) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const built = givenDispatcher();
    built.batch.set(endpoint, { maxSize, maxWaitMs });
    built.dispatcher.acceptOffers();
    return built;
  };
  const due = (...ids: string[]) => ids.map((id) => attempt(id, endpoint, { dueAt: Date.now() }));

  it('closes a batch as soon as it is full', async () => {
    const { dispatcher, closed, sent } = builtWith(2);
    for (const each of due('a', 'b', 'c')) dispatcher.offer(each);
    expect(closed.map(({ of }) => of)).toEqual([['a', 'b']]);
    closed[0]?.end();
    await allSettled();
    expect(closed).toHaveLength(1);
    expect(sent).toEqual([]);
  });

  it('puts in no other batch what went along though it waited for its turn, and gets its turn only now', async () => {
    const { dispatcher, closed } = builtWith(2);
    const [first, follower, next] = due('a', 'b', 'c');
    if (!first || !follower || !next) throw new Error('There are three.');
    dispatcher.offer(first);
    await vi.advanceTimersByTimeAsync(1000);
    closed[0]?.end(0, [follower]);
    await allSettled();
    dispatcher.offer(follower); // a person cancelled the first one while the batch was closed
    dispatcher.offer(next);
    await vi.advanceTimersByTimeAsync(1000);
    expect(closed.map(({ of }) => of)).toEqual([['a'], ['c']]);
  });

  it('closes what there is when the first has waited for long enough', async () => {
    const { dispatcher, closed } = builtWith(10);
    for (const each of due('a', 'b')) dispatcher.offer(each);
    await vi.advanceTimersByTimeAsync(999);
    expect(closed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(closed.map(({ of }) => of)).toEqual([['a', 'b']]);
  });

  it('gathers on while a batch is being closed, and leaves to the next what did not fit', async () => {
    const { dispatcher, closed } = builtWith(2);
    for (const each of due('a', 'b', 'c')) dispatcher.offer(each);
    closed[0]?.end(1);
    await allSettled();
    expect(closed.map(({ of }) => of)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ]);
  });

  it('sends a closed batch, a test and what was attempted before at once', async () => {
    const { dispatcher, sent, ids } = builtWith(10);
    const batch = new ScheduleAttempt(
      'batch' as BatchId,
      { organizationId: someone.organizationId, endpointId: endpoint as EndpointId, size: 2 },
      1,
      0,
      0,
      0,
      dueCause,
    );
    const before = new ScheduleAttempt('again' as DeliveryId, { ...someone, endpointId: endpoint as EndpointId }, 2, 1, 0, 0, dueCause);
    for (const each of [batch, attempt('test', endpoint, { test: true })]) dispatcher.offer(each);
    expect(ids()).toEqual(['batch', 'test']);
    sent[0]?.end();
    await allSettled();
    dispatcher.offer(before);
    expect(ids()).toEqual(['batch', 'test', 'again']);
  });

  it('closes nothing of what is held, and finds it in the table when it is let go', async () => {
    const { dispatcher, closed, rows, setStatus } = builtWith(2);
    const [a, b] = due('a', 'b') as [ScheduleAttempt, ScheduleAttempt];
    dispatcher.offer(a);
    setStatus(endpoint, 'PAUSED');
    dispatcher.offer(b);
    await vi.advanceTimersByTimeAsync(2000);
    expect(closed).toEqual([]);
    for (const each of [a, b]) rows.set(each.id, each);
    setStatus(endpoint, 'ENABLED');
    await vi.advanceTimersByTimeAsync(0);
    expect(closed.map(({ of }) => of)).toEqual([['a', 'b']]);
  });

  it('leaves out what was cancelled while it gathered', async () => {
    const { dispatcher, closed } = builtWith(2);
    const [a, b, c] = due('a', 'b', 'c') as [ScheduleAttempt, ScheduleAttempt, ScheduleAttempt];
    dispatcher.offer(a);
    const cancelled = { type: 'delivery.cancelled', data: { ...someone, at: 'x', reason: 'x' } } as const;
    dispatcher.committed([appliedEvent(cancelled, { stream: 'delivery-a' })], []);
    for (const each of [b, c]) dispatcher.offer(each);
    expect(closed.map(({ of }) => of)).toEqual([['b', 'c']]);
  });

  it('sends each by itself when the endpoint takes no batches any more', () => {
    const { dispatcher, closed, ids, batch, setStatus } = builtWith(10);
    for (const each of due('a', 'b')) dispatcher.offer(each);
    batch.delete(endpoint);
    setStatus(endpoint, 'ENABLED');
    expect(ids()).toEqual(['a', 'b']);
    expect(closed).toEqual([]);
  });

  it('tries again where a batch could not be closed', async () => {
    const { dispatcher, closed, log } = builtWith(2);
    for (const each of due('a', 'b')) dispatcher.offer(each);
    closed[0]?.fail(new Error('away'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(closed.map(({ of }) => of)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(log.error).toHaveBeenCalledOnce();
  });
});
