import { afterEach, describe, expect, it, vi } from 'vitest';
import { allSettled, attempt, givenDispatcher, many, outcomeEvent } from './given.ts';

afterEach(() => vi.useRealTimers());

describe('the dispatcher', () => {
  it('sends nothing before it is started, then all that is due', async () => {
    const { dispatcher, write, ids } = givenDispatcher();
    dispatcher.offer(attempt('a'));
    write(attempt('a', 'e1', { dueAt: 1 }));
    await allSettled();
    expect(ids()).toEqual([]);
    dispatcher.acceptOffers();
    await allSettled();
    expect(ids()).toEqual(['a']);
  });

  it('keeps both bounds', async () => {
    const { dispatcher, sent } = givenDispatcher({ concurrency: 10, endpointConcurrency: 4 });
    dispatcher.acceptOffers();
    for (const endpoint of ['e1', 'e2', 'e3', 'e4']) for (const each of many(20, endpoint)) dispatcher.offer(each);
    let most = 0;
    for (let ended = 0; ended < 80; ended++) {
      most = Math.max(most, dispatcher.requestsInFlight);
      const flying = sent.slice(ended).map((each) => each.attempt.subject.endpointId);
      for (const endpoint of new Set(flying)) expect(flying.filter((each) => each === endpoint).length).toBeLessThanOrEqual(4);
      sent[ended]?.end();
      await allSettled();
    }
    expect(most).toBe(10);
    expect(sent).toHaveLength(80);
  });

  it('lets an endpoint that hangs cost the others nothing', async () => {
    const { dispatcher, sent, ids } = givenDispatcher({ endpointConcurrency: 2 });
    dispatcher.acceptOffers();
    for (const each of many(2000, 'hangs')) dispatcher.offer(each);
    for (let i = 0; i < 50; i++) {
      dispatcher.offer(attempt(`well-${i}`, 'well'));
      expect(ids()).toContain(`well-${i}`);
      sent.at(-1)?.end();
      await allSettled();
    }
    expect(ids().filter((id) => id.startsWith('hangs'))).toHaveLength(2);
  });

  it('gives a free slot to the lane that has waited longest', async () => {
    const { dispatcher, sent, ids } = givenDispatcher({ concurrency: 2, endpointConcurrency: 2 });
    dispatcher.acceptOffers();
    for (const each of many(50, 'busy')) dispatcher.offer(each);
    dispatcher.offer(attempt('late', 'other'));
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['busy-0', 'busy-1', 'late']);
  });

  it('sends a retry at its time', async () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const { dispatcher, write, rows, ids } = givenDispatcher();
    rows.set('before', attempt('before', 'e1', { dueAt: 1_060_000 }));
    dispatcher.acceptOffers();
    write(attempt('later', 'e2', { dueAt: 1_030_000 }), attempt('far', 'e2', { dueAt: 1_000_000 + 40 * 86_400_000 }));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(ids()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(ids()).toEqual(['later']);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(ids()).toEqual(['later', 'before']);
    await vi.advanceTimersByTimeAsync(40 * 86_400_000);
    expect(ids()).toEqual(['later', 'before', 'far']);
  });

  it('stops by ending what is in flight and beginning nothing', async () => {
    const { dispatcher, sent, ids } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of many(3)) dispatcher.offer(each);
    let stopped = false;
    const stopping = dispatcher.stop(60_000).then(() => (stopped = true));
    await allSettled();
    expect(stopped).toBe(false);
    sent[0]?.end();
    await stopping;
    expect(ids()).toEqual(['e1-0']);
    await dispatcher.stop(60_000);
  });

  it('forgets lanes that have been idle, where there are many, and none that has something to do', async () => {
    vi.useFakeTimers({ now: 0 });
    const { dispatcher, sent, ids } = givenDispatcher({ concurrency: 10_000 });
    dispatcher.acceptOffers();
    const offer = (name: string) => dispatcher.offer(attempt(name, name));
    for (let n = 0; n < 2_500; n++) offer(`first-${n}`);
    for (const { attempt: each, end } of sent.slice(100)) {
      end();
      await vi.advanceTimersByTimeAsync(0);
      dispatcher.committed([outcomeEvent(each, sent.length + 1)], []);
    }
    expect(dispatcher.circuits('HEALTHY')).toBe(2_500);
    await vi.advanceTimersByTimeAsync(11_000);
    for (let n = 0; n < 1_000; n++) offer(`later-${n}`);
    expect(dispatcher.circuits('HEALTHY')).toBeLessThan(2_200);
    offer('first-0'); // it is in flight, and not sent a second time
    offer('first-200');
    expect(ids().filter((id) => id === 'first-0')).toHaveLength(1);
    expect(ids().slice(-1)).toEqual(['first-200']);
  });

  it('waits no longer than it is told to', async () => {
    const { dispatcher } = givenDispatcher();
    dispatcher.acceptOffers();
    dispatcher.offer(attempt('a'));
    await dispatcher.stop(1);
    expect(dispatcher.requestsInFlight).toBe(1);
  });
});
