import { afterEach, expect, it, vi } from 'vitest';
import { LocalFailure } from './local-failure.ts';
import { PostponedAttempts } from './postponed-attempts.ts';

afterEach(() => vi.useRealTimers());

it('counts every attempt, and writes one line when a reason begins and one when it is over', () => {
  vi.useFakeTimers();
  const log = { warn: vi.fn<() => void>(), info: vi.fn<() => void>() };
  const count = vi.fn<(reason: string) => void>();
  const postponed = new PostponedAttempts(log, count);
  for (let n = 0; n < 10; n++) {
    postponed.add(new LocalFailure('EMFILE', 'this process has too many files open.'));
    vi.advanceTimersByTime(20_000);
  }
  expect(count).toHaveBeenCalledTimes(10);
  expect(log.warn.mock.calls).toEqual([[{ reason: 'EMFILE' }, 'Attempts are postponed: this process has too many files open.']]);
  expect(log.info).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(log.info).toHaveBeenCalledOnce();
  postponed.add(new LocalFailure('EMFILE', 'this process has too many files open.'));
  expect(log.warn).toHaveBeenCalledTimes(2);
});
