import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';
import type { ServiceFailure } from './open-log.ts';
import { watchVitality } from './vitality.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
afterEach(() => vi.useRealTimers());

const status = (changed: Partial<ConsumerStatus>): ConsumerStatus => ({
  name: 'views',
  version: 1,
  state: 'live',
  position: undefined,
  lagEvents: 0,
  lagSeconds: 0,
  ...changed,
});

describe('the process', () => {
  const watch = () => {
    let [consumer, damaged] = [status({}), ['old.db']];
    const onFailure = vi.fn<(failure: ServiceFailure) => void>();
    const stop = watchVitality({ consumers: () => [consumer], damagedFiles: () => damaged }, onFailure);
    return {
      onFailure,
      stop,
      become: (changed: Partial<ConsumerStatus>) => void (consumer = status(changed)),
      damage: (file: string) => void (damaged = [...damaged, file]),
    };
  };

  it('ends when a consumer has been stopped for ten seconds, with its reason', () => {
    const { onFailure, become } = watch();
    become({ state: 'stopped', error: 'The event at position 7 can not be applied.' });
    vi.advanceTimersByTime(10_000);
    expect(onFailure).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2_000);
    const sentence = "views can't go on, so Hookledger ends: The event at position 7 can not be applied.";
    expect(onFailure).toHaveBeenCalledExactlyOnceWith({ sentence, isSafe: true });
  });

  it('lives on while a consumer goes on, stands by, recovers by itself, or has gone on again', () => {
    const { onFailure, become } = watch();
    for (const state of ['live', 'catching-up', 'elsewhere', 'superseded'] as const) {
      become({ state });
      vi.advanceTimersByTime(30_000);
    }
    become({ state: 'stopped', recovers: true });
    vi.advanceTimersByTime(30_000);
    become({ state: 'stopped' });
    vi.advanceTimersByTime(8_000);
    become({ state: 'live' });
    vi.advanceTimersByTime(1_000);
    become({ state: 'stopped' });
    vi.advanceTimersByTime(8_000);
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('ends at once when tables are found damaged, but not for what was damaged before', () => {
    const { onFailure, damage } = watch();
    vi.advanceTimersByTime(5_000);
    expect(onFailure).not.toHaveBeenCalled();
    damage('views.db');
    vi.advanceTimersByTime(1_000);
    expect(onFailure).toHaveBeenCalledExactlyOnceWith({ sentence: expect.stringContaining('views.db is damaged'), isSafe: true });
  });
});
