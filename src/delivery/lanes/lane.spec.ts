import { afterEach, describe, expect, it, vi } from 'vitest';
import { subject as someone } from '../../../test/support/samples.ts';
import type { AttemptResult } from '../attempts/attempt-runner.ts';
import { LocalFailure } from '../local-failure.ts';
import { allSettled, appliedEvent, at, attempt, givenDispatcher, many, outcomeEvent } from './given.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

afterEach(() => vi.useRealTimers());

describe('a lane', () => {
  it('sends fewer at a time to a receiver that struggles, and more again to one that answers', async () => {
    const { dispatcher, sent } = givenDispatcher({ endpointConcurrency: 8 });
    dispatcher.acceptOffers();
    for (const each of many(60)) dispatcher.offer(each);
    const endAll = async (receiver: AttemptResult['receiver']) => {
      for (const { end } of sent.splice(0)) end({ receiver });
      await allSettled();
      return dispatcher.requestsInFlight;
    };
    expect(dispatcher.requestsInFlight).toBe(2);
    expect(await endAll('silent')).toBe(1);
    expect(await endAll('refuses')).toBe(1);
    expect(await endAll('unknown')).toBe(1);
    expect(await endAll('answers')).toBe(2);
    expect(await endAll('answers')).toBe(4);
    await endAll('answers');
    expect(await endAll('answers')).toBe(8);
  });

  it('makes an attempt later that this machine could not make now', async () => {
    const { dispatcher, sent, write, log, ids } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    write(attempt('a', 'e1', { dueAt: 1 }));
    await allSettled();
    sent[0]?.fail(new LocalFailure('EMFILE', 'Too many files.'));
    await allSettled();
    expect(dispatcher.requestsInFlight).toBe(0);
    expect(ids()).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(1_000);
    await allSettled();
    expect(ids()).toEqual(['a', 'a']);
    expect(log.error).not.toHaveBeenCalled();
  });

  it('takes no place before what its requests need is there, such as the address of the receiver', async () => {
    const { dispatcher, ids, prepare } = givenDispatcher();
    dispatcher.acceptOffers();
    const resolved = Promise.withResolvers<void>();
    prepare(resolved.promise);
    for (const each of [...many(2), attempt('t', 'e1', { test: true })]) dispatcher.offer(each);
    await allSettled();
    expect(dispatcher.requestsInFlight).toBe(0);
    resolved.resolve();
    await allSettled();
    expect(ids()).toEqual(['t', 'e1-0']);
  });

  it.each(['PAUSED', 'DISABLED'] as const)(
    'holds what is due to a %s endpoint, lets tests through, and goes on when it is enabled',
    async (held) => {
      const { dispatcher, write, ids, setStatus } = givenDispatcher({ endpointConcurrency: 1 });
      dispatcher.acceptOffers();
      const [first, second, third] = [
        attempt('a', 'e1', { dueAt: 1 }),
        attempt('b', 'e1', { dueAt: 2 }),
        attempt('t', 'e1', { dueAt: 3, test: true }),
      ];
      setStatus('e1', held);
      for (const each of [first, second, third]) dispatcher.offer(each);
      write(first, second, third);
      await allSettled();
      expect(ids()).toEqual(['t']);
      setStatus('e1', 'ENABLED');
      await allSettled();
      expect(ids()).toEqual(['t']); // one at a time
    },
  );

  it('drains what was held when the endpoint is resumed', async () => {
    const { dispatcher, write, sent, ids, setStatus } = givenDispatcher();
    dispatcher.acceptOffers();
    setStatus('e1', 'PAUSED');
    write(...many(600, 'e1', { dueAt: 1 }));
    await allSettled();
    expect(ids()).toEqual([]);
    setStatus('e1', 'ENABLED');
    for (let i = 0; i < 600; i++) {
      await allSettled();
      sent[i]?.end();
    }
    expect(new Set(ids()).size).toBe(600);
    expect(ids()).toHaveLength(600);
  });

  it('takes what it had no room for from the table', async () => {
    const { dispatcher, write, sent, ids } = givenDispatcher();
    dispatcher.acceptOffers();
    const all = many(3000);
    for (const each of all) dispatcher.offer(each);
    write(...all);
    for (let i = 0; i < 3000; i++) {
      sent[i]?.end();
      if (i < 8 || i % 8 === 7) await allSettled();
    }
    await waitFor(() => expect(new Set(ids()).size).toBe(3000));
    expect(ids()).toHaveLength(3000);
  });

  describe('sends nothing twice', () => {
    it('while it waits or is in flight', async () => {
      const { dispatcher, write, ids, setStatus } = givenDispatcher({ endpointConcurrency: 1 });
      dispatcher.acceptOffers();
      const both = [attempt('a'), attempt('b')];
      for (const each of [...both, ...both]) dispatcher.offer(each);
      write(...both);
      setStatus('e1', 'ENABLED');
      await allSettled();
      expect(ids()).toEqual(['a']);
    });

    it('while its outcome is not yet in the table', async () => {
      const { dispatcher, rows, sent, ids, setStatus } = givenDispatcher();
      dispatcher.acceptOffers();
      const one = attempt('a');
      dispatcher.offer(one);
      rows.set('a', one);
      sent[0]?.end({ position: at(9) });
      await allSettled();
      setStatus('e1', 'ENABLED'); // it looks into the table
      dispatcher.offer(one); // the log is read late: somebody had asked for a retry of what was in flight
      await allSettled();
      expect(ids()).toEqual(['a']);
      rows.delete('a');
      dispatcher.committed([outcomeEvent(one, 9)], []);
      dispatcher.offer(attempt('a', 'e1', { number: 2 }));
      expect(ids()).toEqual(['a', 'a']);
    });

    it('that was read from the table before its outcome came into it', async () => {
      const { dispatcher, rows, sent, ids, setStatus, readSlowly } = givenDispatcher();
      dispatcher.acceptOffers();
      const one = attempt('a');
      dispatcher.offer(one);
      rows.set('a', one);
      const read = Promise.withResolvers<void>();
      readSlowly(read.promise);
      setStatus('e1', 'ENABLED');
      sent[0]?.end({ position: at(9) });
      await allSettled();
      rows.delete('a');
      dispatcher.committed([outcomeEvent(one, 9)], []);
      read.resolve();
      await allSettled();
      expect(ids()).toEqual(['a']);
    });
  });

  it('sends the retry of an attempt whose outcome the table shows before the log has answered', async () => {
    const { dispatcher, rows, sent } = givenDispatcher();
    dispatcher.acceptOffers();
    const [first, second] = [attempt('a'), attempt('a', 'e1', { number: 2, dueAt: 1 })];
    dispatcher.offer(first);
    rows.set('a', second);
    dispatcher.committed([outcomeEvent(first, 9)], [second]);
    await allSettled();
    expect(sent).toHaveLength(1);
    sent[0]?.end({ position: at(9) });
    await allSettled();
    expect(sent.map((each) => each.attempt.attempt)).toEqual([1, 2]);
  });

  it('does not send what was cancelled while it waited', async () => {
    const { dispatcher, sent, ids } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of [attempt('a'), attempt('b'), attempt('c')]) dispatcher.offer(each);
    const cancelled = { type: 'delivery.cancelled', data: { ...someone, at: 'x', reason: 'x' } } as const;
    dispatcher.committed([appliedEvent(cancelled, { stream: 'delivery-b' })], []);
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['a', 'c']);
  });

  it('reads the table again after a failure of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const { dispatcher, due, write, log, ids } = givenDispatcher();
    dispatcher.acceptOffers();
    vi.spyOn(due, 'claim').mockRejectedValueOnce(new Error('away'));
    write(attempt('a'));
    await vi.advanceTimersByTimeAsync(500);
    expect(ids()).toEqual([]);
    expect(log.warn).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(600);
    expect(ids()).toEqual(['a']);
    expect(log.info).toHaveBeenCalledOnce();
  });

  it('says when an attempt could not be carried out, does not repeat it, and goes on with the others', async () => {
    const { dispatcher, write, sent, ids, log, setStatus } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    write(attempt('a'), attempt('b'));
    await allSettled();
    sent[0]?.fail(new Error('a defect'));
    await allSettled();
    setStatus('e1', 'ENABLED');
    await allSettled();
    expect(ids()).toEqual(['a', 'b']);
    expect(log.error).toHaveBeenCalledOnce();
  });
});
