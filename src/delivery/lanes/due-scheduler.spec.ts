import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EndpointId } from '../../domain/ids.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import { DueScheduler } from './due-scheduler.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => vi.useRealTimers());

describe('the scheduler of due attempts', () => {
  const e1 = 'e1' as EndpointId;
  const build = (isShared = false) => {
    const dueSince = vi.fn<DueAttempts['dueSince']>(async () => ({ endpoints: [e1], urgent: [e1], until: Date.now(), nextAt: undefined }));
    const onDue = vi.fn<() => void>();
    const outage = { failed: vi.fn<() => void>(), over: vi.fn<() => void>() };
    const scheduler = new DueScheduler({ dueSince, isShared, now: () => Date.now() }, onDue, outage);
    scheduler.start();
    return { scheduler, dueSince, onDue, outage };
  };

  it('searches the table when the next attempt is due, and not before', async () => {
    const { scheduler, onDue } = build();
    scheduler.wakeAt(1_005_000);
    scheduler.wakeAt(1_030_000); // later: the timer stays
    await vi.advanceTimersByTimeAsync(4_999);
    expect(onDue).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(onDue).toHaveBeenCalledExactlyOnceWith([e1], new Set([e1]));
  });

  it('wakes again for the next attempt in the table, and searches from where it was', async () => {
    const { scheduler, dueSince } = build();
    dueSince.mockResolvedValueOnce({ endpoints: [], urgent: [], until: 1_000_010, nextAt: 1_002_000 });
    scheduler.wakeAt(1_000_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(dueSince.mock.calls).toEqual([[0], [1_000_010]]);
  });

  it('finds attempts that are due within 10 ms together', async () => {
    const { scheduler, dueSince } = build();
    for (const time of [1_000_003, 1_000_002, 1_000_001]) scheduler.wakeAt(time);
    await vi.advanceTimersByTimeAsync(9);
    expect(dueSince).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(dueSince).toHaveBeenCalledOnce();
  });

  it('waits for a moment between 25 and 50 ms where replicas share the table', async () => {
    const { scheduler, dueSince } = build(true);
    scheduler.wakeAt(1_000_001);
    await vi.advanceTimersByTimeAsync(24);
    expect(dueSince).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(26);
    expect(dueSince).toHaveBeenCalledOnce();
  });

  it('searches for everything that is due when it is asked to, though a search is running', async () => {
    const { scheduler, dueSince } = build();
    const slow = Promise.withResolvers<Awaited<ReturnType<DueAttempts['dueSince']>>>();
    scheduler.wakeAt(1_000_000);
    await vi.advanceTimersByTimeAsync(10);
    dueSince.mockReturnValueOnce(slow.promise);
    scheduler.wakeAt(1_000_100);
    await vi.advanceTimersByTimeAsync(100);
    scheduler.searchAll();
    await vi.advanceTimersByTimeAsync(0);
    expect(dueSince.mock.calls.map(([since]) => since)).toEqual([0, 1_000_010, 0]);
    slow.resolve({ endpoints: [], urgent: [], until: 1_000_050, nextAt: undefined }); // must not set back where the next search begins
    await vi.advanceTimersByTimeAsync(0);
    scheduler.wakeAt(1_000_120);
    await vi.advanceTimersByTimeAsync(20);
    expect(dueSince).toHaveBeenLastCalledWith(1_000_110);
  });

  it('tries again after a failure', async () => {
    const { scheduler, dueSince, onDue, outage } = build();
    dueSince.mockRejectedValueOnce(new Error('away'));
    scheduler.searchAll();
    await vi.advanceTimersByTimeAsync(999);
    expect(outage.failed).toHaveBeenCalledOnce();
    expect(onDue).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(onDue).toHaveBeenCalledOnce();
    expect(outage.over).toHaveBeenCalledOnce();
  });

  it('does nothing once it has stopped', async () => {
    const { scheduler, dueSince } = build();
    scheduler.wakeAt(1_000_100);
    scheduler.stop();
    scheduler.searchAll();
    scheduler.wakeAt(1_000_100);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(dueSince).not.toHaveBeenCalled();
  });
});
