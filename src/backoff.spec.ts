import { afterEach, describe, expect, it, vi } from 'vitest';
import { Backoff, retry } from './backoff.ts';

describe('a backoff', () => {
  const pauses = (random: number) => {
    const backoff = new Backoff({ firstMs: 100, longestMs: 350 }, () => random);
    return [backoff.next(), backoff.next(), backoff.next(), backoff.next()];
  };

  it('doubles each pause, up to the longest', () => expect(pauses(1)).toEqual([100, 200, 350, 350]));
  it('jitters between half a pause and all of it', () => expect(pauses(0)).toEqual([50, 100, 175, 175]));

  it('begins again with the first pause after a reset', () => {
    const backoff = new Backoff({ firstMs: 100, longestMs: 350 }, () => 1);
    backoff.next();
    expect(backoff.longestNextMs).toBe(200);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('ends a pause early, without an error, when its signal aborts', async () => {
    await expect(new Backoff({ firstMs: 60_000, longestMs: 60_000 }).pause(AbortSignal.abort())).resolves.toBeUndefined();
  });
});

describe('retry', () => {
  const work = vi.fn<() => Promise<string>>();
  afterEach(() => void work.mockReset());
  const options = { firstMs: 1, longestMs: 2 };
  const isRetryable = (error: unknown) => error instanceof RangeError;

  it('calls the work until it succeeds', async () => {
    work.mockRejectedValueOnce(new RangeError('away')).mockRejectedValueOnce(new RangeError('away')).mockResolvedValue('done');
    expect(await retry(work, isRetryable, options)).toBe('done');
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('passes on an error that is not to be retried', async () => {
    work.mockRejectedValue(new TypeError('broken'));
    await expect(retry(work, isRetryable, options)).rejects.toThrow('broken');
    expect(work).toHaveBeenCalledOnce();
  });

  it('passes on the error once its signal has aborted', async () => {
    const ending = new AbortController();
    work.mockImplementation(async () => {
      if (work.mock.calls.length === 2) ending.abort();
      throw new RangeError('away');
    });
    await expect(retry(work, isRetryable, { ...options, signal: ending.signal })).rejects.toThrow('away');
    expect(work).toHaveBeenCalledTimes(2);
  });
});
