import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EndpointId, Position } from '../../domain/ids.ts';
import type { BatchedDeliveries } from '../attempts/batch-closer.ts';
import type { ScheduleAttempt } from '../saga/saga-commands.ts';
import { BatchGatherer } from './batch-gatherer.ts';
import { at, attempt } from './given.ts';
import { MemoryBudget } from './memory-budget.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => vi.useRealTimers());

describe('the gatherer of batches', () => {
  const settings = { maxSize: 2, maxWaitMs: 1_000 };
  const build = (...ids: string[]) => {
    const closing: { of: string[]; end: (result: BatchedDeliveries) => void; fail: (error: Error) => void }[] = [];
    const closer = {
      close: (_: EndpointId, deliveries: readonly ScheduleAttempt[]) =>
        new Promise<BatchedDeliveries>((end, fail) => void closing.push({ of: deliveries.map(({ id }) => id), end, fail })),
    };
    const onBatched = vi.fn<(deliveries: readonly ScheduleAttempt[], position: Position | undefined) => void>();
    const listener = { onBatched, onReady: vi.fn<() => void>(() => gatherer.closeIfReady(settings)) };
    const log = { error: vi.fn<() => void>() };
    const gatherer: BatchGatherer = new BatchGatherer('e1' as EndpointId, closer, new MemoryBudget(), listener, log, () => Date.now());
    for (const id of ids) gatherer.queue.push(attempt(id, 'e1', { dueAt: Date.now() }));
    gatherer.closeIfReady(settings);
    return { gatherer, closing, listener, log };
  };
  const flush = () => vi.advanceTimersByTimeAsync(0);

  it('closes a full batch at once, and one at a time', () => {
    const { gatherer, closing } = build('a', 'b', 'c');
    expect([closing.map(({ of }) => of), gatherer.isPending]).toEqual([[['a', 'b']], false]);
    gatherer.closeIfReady(settings);
    expect(closing).toHaveLength(1);
  });

  it('closes what there is when the oldest has waited long enough', async () => {
    const { closing } = build('a');
    await vi.advanceTimersByTimeAsync(999);
    expect(closing).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(closing.map(({ of }) => of)).toEqual([['a']]);
  });

  it('says which deliveries are in the batch, and keeps the others for the next', async () => {
    const { gatherer, closing, listener } = build('a', 'b', 'c');
    closing[0]?.end({ deliveries: [attempt('a')], position: at(7) });
    await flush();
    expect(listener.onBatched.mock.calls.map(([batched, position]) => [batched.map(({ id }) => id), position])).toEqual([[['a'], at(7)]]);
    expect(closing.map(({ of }) => of)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ]);
    expect(gatherer.queue.length).toBe(2);
  });

  it('closes the batch again a second after a failure, and logs it', async () => {
    const { closing, log } = build('a', 'b');
    closing[0]?.fail(new Error('away'));
    await vi.advanceTimersByTimeAsync(999);
    expect(closing).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(closing).toHaveLength(2);
    expect(log.error).toHaveBeenCalledOnce();
  });

  it('stops waiting when all are taken from it', async () => {
    const { gatherer, closing } = build('a');
    expect(gatherer.removeAll().map(({ id }) => id)).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(closing).toEqual([]);
  });
});
