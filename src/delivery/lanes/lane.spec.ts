import { afterEach, describe, expect, it, vi } from 'vitest';
import { dueCause, subject as someone } from '../../../test/support/samples.ts';
import type { BatchId, DeliveryId, EndpointId } from '../../domain/ids.ts';
import type { AttemptResult } from '../attempts/attempt-runner.ts';
import { LocalFailure } from '../local-failure.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import type { SharedSlots } from '../due-attempts/shared-slots.ts';
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

describe('slots of a lane', () => {
  /** As many as are given. */
  const withSlots = (some: number) => {
    let used = 0;
    const slots = {
      attach: () => undefined,
      isLimited: () => true,
      request: vi.fn<SharedSlots['request']>(),
      obtainable: () => some,
      held: () => some,
      inUse: () => used,
      take: () => used < some && ++used > 0,
      release: () => void used--,
    };
    const built = givenDispatcher({}, slots as unknown as SharedSlots); // as much of it as is used
    built.dispatcher.acceptOffers();
    return { ...built, slots, lose: () => (some = 0) };
  };

  it('bound what is sent at one time, and more are asked for', () => {
    const { dispatcher, ids, slots } = withSlots(2);
    for (const each of many(4)) dispatcher.offer(each);
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 2); // as many as the lane may have in flight
  });

  it('are held until the answer, and not until it is recorded', async () => {
    const { dispatcher, sent, ids } = withSlots(1);
    for (const each of many(3)) dispatcher.offer(each);
    sent[0]?.answered();
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['e1-0', 'e1-1']); // it was given back once
    sent[1]?.fail(new Error('defect'));
    await allSettled();
    expect(ids()).toEqual(['e1-0', 'e1-1', 'e1-2']);
  });

  it('of which there are none leave what waits to others', async () => {
    const { dispatcher, sent, ids, due, slots, lose } = withSlots(1);
    const unclaim = vi.spyOn(due, 'unclaim');
    for (const each of many(3)) dispatcher.offer(each);
    lose();
    dispatcher.slotsExhausted('e1' as EndpointId);
    expect(unclaim.mock.calls).toEqual([[many(3).slice(1)]]);
    dispatcher.offer(attempt('x'));
    sent[0]?.end();
    await allSettled();
    expect(ids()).toEqual(['e1-0']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 3); // for all that the table may hold
  });
});
