import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EndpointId } from '../../domain/ids.ts';
import { HoldEndpoint } from '../saga/saga-commands.ts';
import { allSettled, attempt, givenDispatcher, many } from './given.ts';

afterEach(() => vi.useRealTimers());

describe('a lane', () => {
  describe('whose receiver asks for patience', () => {
    const inSeconds = (seconds: number) => ({ receiver: 'refuses' as const, holdMs: seconds * 1_000 });
    const held = (id: string, ms: number) => new HoldEndpoint(id as EndpointId, Date.now() + ms, ms, 0);
    const clock = () => vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });

    it('sends nothing until then, but a test; and then begins with one', async () => {
      clock();
      const { dispatcher, sent, ids } = givenDispatcher();
      dispatcher.acceptOffers();
      for (const each of many(12)) dispatcher.offer(each);
      sent[0]?.end();
      await vi.advanceTimersByTimeAsync(0);
      expect(ids()).toHaveLength(4);
      for (const { end } of sent.slice(1)) end(inSeconds(5));
      await vi.advanceTimersByTimeAsync(4_900);
      expect(ids()).toHaveLength(4);
      dispatcher.offer(attempt('test', 'e1', { test: true }));
      expect(ids().slice(4)).toEqual(['test']);
      sent[4]?.end();
      await vi.advanceTimersByTimeAsync(110);
      expect(ids().slice(5)).toEqual(['e1-4']);
    });

    it('asks nothing of the receiver at another URL, and what comes of earlier attempts is not about that one', async () => {
      clock();
      const { dispatcher, sent, ids } = givenDispatcher();
      dispatcher.acceptOffers();
      for (const each of many(12)) dispatcher.offer(each);
      expect(ids()).toHaveLength(2);
      sent[0]?.end(inSeconds(3_600));
      await vi.advanceTimersByTimeAsync(1_000);
      expect(ids()).toHaveLength(2);
      dispatcher.endpointsHeld([new HoldEndpoint('e1' as EndpointId, 0, 0, 4)]); // revision 4 changed the URL
      await vi.advanceTimersByTimeAsync(0);
      expect(ids()).toHaveLength(2); // it begins with one at a time, and one is in flight
      const outcome = { startedAt: 0, endedAt: 1, error: 'It answered 429.', isPutOff: true, endpointRevision: 3 };
      sent[1]?.end({ ...inSeconds(3_600), outcome });
      dispatcher.endpointsHeld([new HoldEndpoint('e1' as EndpointId, Date.now() + 3_600_000, 3_600_000, 3)]); // another replica's, late
      await vi.advanceTimersByTimeAsync(0);
      expect(ids()).toHaveLength(3);
      sent[2]?.end();
      await vi.advanceTimersByTimeAsync(0);
      expect(ids()).toHaveLength(5);
    });

    it('leaves it alone as well where another start or another replica was told', async () => {
      clock();
      const { dispatcher, write, held: holds, ids } = givenDispatcher();
      holds.push(held('e1', 5_000));
      write(attempt('a', 'e1', { dueAt: 1 }));
      dispatcher.acceptOffers();
      dispatcher.endpointsHeld([held('e2', 7_000)]);
      write(attempt('b', 'e2'), attempt('c', 'e3'));
      await vi.advanceTimersByTimeAsync(4_990);
      expect(ids()).toEqual(['c']);
      await vi.advanceTimersByTimeAsync(20);
      expect(ids()).toEqual(['c', 'a']);
      await vi.advanceTimersByTimeAsync(2_000);
      expect(ids()).toEqual(['c', 'a', 'b']);
    });

    it('does not look at the table while it waits', async () => {
      clock();
      const { dispatcher, write, held: holds, reads } = givenDispatcher();
      holds.push(held('e1', 60_000));
      dispatcher.acceptOffers();
      await vi.advanceTimersByTimeAsync(0);
      for (let i = 0; i < 50; i++) {
        write(attempt(`a${i}`));
        await vi.advanceTimersByTimeAsync(1_000);
      }
      expect(reads).toEqual([]);
    });
  });

  it('whose receiver does not answer keeps little in memory', async () => {
    const { dispatcher, sent, closed, ids } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    dispatcher.offer(attempt('first'));
    sent[0]?.end({ receiver: 'silent' });
    await allSettled();
    const offered = many(100);
    for (const each of offered) dispatcher.offer(each);
    expect(offered.filter((each) => dispatcher.isTracked(each))).toHaveLength(5); // one in flight
    expect([ids().length, closed]).toEqual([2, []]);
  });
});
