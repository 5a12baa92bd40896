import { afterEach, describe, expect, it, vi } from 'vitest';
import { dueCause, recorded, record, subject as someone } from '../../../test/support/samples.ts';
import type { EndpointSettings, EndpointStatus } from '../../domain/endpoint.ts';
import type { BatchId, DeliveryId, EndpointId, Position } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { AttemptResult, AttemptRunner } from '../attempt-runner.ts';
import type { BatchCloser, BatchedDeliveries } from '../batch-closer.ts';
import { progressIn } from '../delivery-progress.ts';
import { isBatch, ScheduleAttempt } from '../saga-commands.ts';
import type { SharedSlots } from '../shared-slots.ts';
import { Dispatcher, type DispatcherOptions, type AppliedEvent } from './dispatcher.ts';
import type { DueEndpoints, ClaimResult, DueAttempts, ClaimRequest } from '../due-attempts.ts';

const at = (n: number) => String(n).padStart(12, '0') as Position;
const attempt = (id: string, endpoint = 'e1', { dueAt = 0, number = 1, test = false } = {}) => {
  const subject = { ...someone, endpointId: endpoint as EndpointId, ...(test ? { test: true as const } : {}) };
  return new ScheduleAttempt(id as DeliveryId, subject, number, 0, 'no-stream', dueAt, dueCause);
};
/** As the saga's host tells of an event. */
const settled = (...of: Parameters<typeof recorded>): AppliedEvent => {
  const event = recorded(...of);
  return { ...event, progress: progressIn(event) };
};
/** The event that an attempt's outcome is. */
const outcomeOf = ({ id }: ScheduleAttempt, position: number) =>
  settled({ type: 'delivery.attempt-succeeded', data: { ...someone, ...record(1) } }, { stream: `delivery-${id}`, position });

/** A dispatcher between a table, a directory and a runner that a test plays the part of. */
const build = (options: Partial<DispatcherOptions> = {}, slots?: SharedSlots) => {
  const rows = new Map<string, ScheduleAttempt>();
  const status = new Map<string, EndpointStatus>();
  const batch = new Map<string, EndpointSettings['batch']>();
  const closed: { of: string[]; end: (left?: number) => void; fail: (error: Error) => void }[] = [];
  type End = (result?: Partial<AttemptResult>) => void;
  const sent: { attempt: ScheduleAttempt; answered: () => void; end: End; fail: (error: Error) => void }[] = [];
  const log = { error: vi.fn<() => void>() };
  let changed: (id: EndpointId) => void = () => undefined;
  let slow: Promise<void> | undefined;
  const reads: string[] = [];
  const due = {
    isShared: false,
    attach: () => undefined,
    mayBeSent: () => true,
    outcomeRecorded: () => false,
    isClaimed: () => true,
    unclaim: async () => undefined,
    claim: async (id: EndpointId, { limit, testsOnly, tracked }: ClaimRequest): Promise<ClaimResult> => {
      reads.push(id);
      const most = limit + tracked.size;
      const mine = [...rows.values()].filter(
        ({ subject, dueAt }) => subject.endpointId === id && dueAt <= Date.now() && (!testsOnly || (!isBatch(subject) && subject.test)),
      );
      const read = mine.sort((a, b) => a.dueAt - b.dueAt).slice(0, most);
      await slow;
      return { attempts: read, more: read.length === most };
    },
    dueSince: async (after: number): Promise<DueEndpoints> => {
      const until = Date.now();
      const due = [...rows.values()].filter(({ dueAt }) => dueAt > after && dueAt <= until);
      const later = [...rows.values()].map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > until);
      return { endpoints: [...new Set(due.map(({ subject }) => subject.endpointId))], until, nextAt: later.sort((a, b) => a - b)[0] };
    },
  };
  const directory = {
    onEndpointChanged: (listener: typeof changed) => (changed = listener),
    endpoint: (id: EndpointId) => ({ configuration: { status: status.get(id) ?? 'ENABLED', settings: { batch: batch.get(id) ?? null } } }),
  };
  let position = 0;
  const runner = {
    run: (due: ScheduleAttempt, answered: () => void) =>
      new Promise<AttemptResult>((resolve, reject) => {
        const end = (result: Partial<AttemptResult> = {}) => resolve({ position: at(++position), receiver: 'answers', ...result });
        sent.push({ attempt: due, answered, end, fail: reject });
      }),
  };
  const closer = {
    takeMessages: () => undefined,
    close: (_: EndpointId, attempts: readonly ScheduleAttempt[]) =>
      new Promise<BatchedDeliveries>((resolve, reject) => {
        const ids = attempts.map(({ id }) => id);
        const end = (left = 0) => resolve({ ids: ids.slice(0, ids.length - left), position: at(++position) });
        closed.push({ of: ids, end, fail: reject });
      }),
  };
  const dispatcher = new Dispatcher(
    due as unknown as DueAttempts, // as much of each as it uses
    directory as unknown as EndpointDirectory,
    runner as unknown as AttemptRunner,
    closer as unknown as BatchCloser,
    { concurrency: 100, endpointConcurrency: 8, ...options },
    log,
    slots,
  );
  return {
    dispatcher,
    due,
    rows,
    sent,
    batch,
    closed,
    reads,
    log,
    ids: () => sent.map((each) => each.attempt.id as string),
    /** The table gains these rows. */
    write: (...attempts: ScheduleAttempt[]) => {
      for (const each of attempts) rows.set(each.id, each);
      dispatcher.committed(
        [settled({ type: 'organization.event-type-retired', data: { name: 'x' } }, { stream: 'organization-1', position })],
        attempts,
      );
    },
    setStatus: (id: string, to: EndpointStatus) => {
      status.set(id, to);
      changed(id as EndpointId);
    },
    readSlowly: (until: Promise<void>) => {
      slow = until;
    },
  };
};
const many = (n: number, endpoint = 'e1', options = {}) =>
  Array.from({ length: n }, (_, i) => attempt(`${endpoint}-${i}`, endpoint, options));
/** Whatever follows at once has happened. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => vi.useRealTimers());

describe('the dispatcher', () => {
  it('sends nothing before it is started, then all that is due', async () => {
    const { dispatcher, write, ids } = build();
    dispatcher.offer(attempt('a'));
    write(attempt('a', 'e1', { dueAt: 1 }));
    await settle();
    expect(ids()).toEqual([]);
    dispatcher.acceptOffers();
    await settle();
    expect(ids()).toEqual(['a']);
  });

  it('keeps both bounds', async () => {
    const { dispatcher, sent } = build({ concurrency: 10, endpointConcurrency: 4 });
    dispatcher.acceptOffers();
    for (const endpoint of ['e1', 'e2', 'e3', 'e4']) for (const each of many(20, endpoint)) dispatcher.offer(each);
    let most = 0;
    for (let ended = 0; ended < 80; ended++) {
      most = Math.max(most, dispatcher.requestsInFlight);
      const flying = sent.slice(ended).map((each) => each.attempt.subject.endpointId);
      for (const endpoint of new Set(flying)) expect(flying.filter((each) => each === endpoint).length).toBeLessThanOrEqual(4);
      sent[ended]?.end();
      await settle();
    }
    expect(most).toBe(10);
    expect(sent).toHaveLength(80);
  });

  it('lets an endpoint that hangs cost the others nothing', async () => {
    const { dispatcher, sent, ids } = build({ endpointConcurrency: 2 });
    dispatcher.acceptOffers();
    for (const each of many(2000, 'hangs')) dispatcher.offer(each);
    for (let i = 0; i < 50; i++) {
      dispatcher.offer(attempt(`well-${i}`, 'well'));
      expect(ids()).toContain(`well-${i}`);
      sent.at(-1)?.end();
      await settle();
    }
    expect(ids().filter((id) => id.startsWith('hangs'))).toHaveLength(2);
  });

  it('gives a slot that comes free to whoever waits for one longest', async () => {
    const { dispatcher, sent, ids } = build({ concurrency: 2, endpointConcurrency: 2 });
    dispatcher.acceptOffers();
    for (const each of many(50, 'busy')) dispatcher.offer(each);
    dispatcher.offer(attempt('late', 'other'));
    sent[0]?.end();
    await settle();
    expect(ids()).toEqual(['busy-0', 'busy-1', 'late']);
  });

  it('sends fewer at a time to a receiver that struggles, and more again to one that answers', async () => {
    const { dispatcher, sent } = build({ endpointConcurrency: 8 });
    dispatcher.acceptOffers();
    for (const each of many(60)) dispatcher.offer(each);
    const endAll = async (receiver: AttemptResult['receiver']) => {
      for (const { end } of sent.splice(0)) end({ receiver });
      await settle();
      return dispatcher.requestsInFlight;
    };
    expect(dispatcher.requestsInFlight).toBe(8);
    expect(await endAll('struggles')).toBe(1);
    expect(await endAll('struggles')).toBe(1);
    expect(await endAll('unknown')).toBe(1);
    expect(await endAll('answers')).toBe(2);
    expect(await endAll('answers')).toBe(4);
    await endAll('answers');
    expect(await endAll('answers')).toBe(8);
  });

  it.each(['PAUSED', 'DISABLED'] as const)(
    'holds what is due to a %s endpoint, lets tests through, and goes on when it is enabled',
    async (held) => {
      const { dispatcher, write, ids, setStatus } = build({ endpointConcurrency: 1 });
      dispatcher.acceptOffers();
      const [first, second, third] = [
        attempt('a', 'e1', { dueAt: 1 }),
        attempt('b', 'e1', { dueAt: 2 }),
        attempt('t', 'e1', { dueAt: 3, test: true }),
      ];
      setStatus('e1', held);
      for (const each of [first, second, third]) dispatcher.offer(each);
      write(first, second, third);
      await settle();
      expect(ids()).toEqual(['t']);
      setStatus('e1', 'ENABLED');
      await settle();
      expect(ids()).toEqual(['t']); // one at a time
    },
  );

  it('drains what was held when the endpoint is resumed', async () => {
    const { dispatcher, write, sent, ids, setStatus } = build();
    dispatcher.acceptOffers();
    setStatus('e1', 'PAUSED');
    write(...many(600, 'e1', { dueAt: 1 }));
    await settle();
    expect(ids()).toEqual([]);
    setStatus('e1', 'ENABLED');
    for (let i = 0; i < 600; i++) {
      await settle();
      sent[i]?.end();
    }
    expect(new Set(ids()).size).toBe(600);
    expect(ids()).toHaveLength(600);
  });

  it('takes what it had no room for from the table', async () => {
    const { dispatcher, write, sent, ids } = build();
    dispatcher.acceptOffers();
    const all = many(3000);
    for (const each of all) dispatcher.offer(each);
    write(...all);
    for (let i = 0; i < 3000; i++) {
      sent[i]?.end();
      if (i % 8 === 7) await settle();
    }
    await vi.waitFor(() => expect(new Set(ids()).size).toBe(3000));
    expect(ids()).toHaveLength(3000);
  });

  it('sends a retry at its time', async () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const { dispatcher, write, rows, ids } = build();
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

  describe('sends nothing twice', () => {
    it('while it waits or is in flight', async () => {
      const { dispatcher, write, ids, setStatus } = build({ endpointConcurrency: 1 });
      dispatcher.acceptOffers();
      const both = [attempt('a'), attempt('b')];
      for (const each of [...both, ...both]) dispatcher.offer(each);
      write(...both);
      setStatus('e1', 'ENABLED');
      await settle();
      expect(ids()).toEqual(['a']);
    });

    it('while its outcome is not yet in the table', async () => {
      const { dispatcher, rows, sent, ids, setStatus } = build();
      dispatcher.acceptOffers();
      const one = attempt('a');
      dispatcher.offer(one);
      rows.set('a', one);
      sent[0]?.end({ position: at(9) });
      await settle();
      setStatus('e1', 'ENABLED'); // it looks into the table
      dispatcher.offer(one); // the log is read late: somebody had asked for a retry of what was in flight
      await settle();
      expect(ids()).toEqual(['a']);
      rows.delete('a');
      dispatcher.committed([outcomeOf(one, 9)], []);
      dispatcher.offer(attempt('a', 'e1', { number: 2 }));
      expect(ids()).toEqual(['a', 'a']);
    });

    it('that was read from the table before its outcome came into it', async () => {
      const { dispatcher, rows, sent, ids, setStatus, readSlowly } = build();
      dispatcher.acceptOffers();
      const one = attempt('a');
      dispatcher.offer(one);
      rows.set('a', one);
      const read = Promise.withResolvers<void>();
      readSlowly(read.promise);
      setStatus('e1', 'ENABLED');
      sent[0]?.end({ position: at(9) });
      await settle();
      rows.delete('a');
      dispatcher.committed([outcomeOf(one, 9)], []);
      read.resolve();
      await settle();
      expect(ids()).toEqual(['a']);
    });
  });

  it('sends the retry of an attempt whose outcome the table shows before the log has answered', async () => {
    const { dispatcher, rows, sent } = build();
    dispatcher.acceptOffers();
    const [first, second] = [attempt('a'), attempt('a', 'e1', { number: 2, dueAt: 1 })];
    dispatcher.offer(first);
    rows.set('a', second);
    dispatcher.committed([outcomeOf(first, 9)], [second]);
    await settle();
    expect(sent).toHaveLength(1);
    sent[0]?.end({ position: at(9) });
    await settle();
    expect(sent.map((each) => each.attempt.attempt)).toEqual([1, 2]);
  });

  it('does not send what was cancelled while it waited', async () => {
    const { dispatcher, sent, ids } = build({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of [attempt('a'), attempt('b'), attempt('c')]) dispatcher.offer(each);
    const cancelled = { type: 'delivery.cancelled', data: { ...someone, at: 'x', reason: 'x' } } as const;
    dispatcher.committed([settled(cancelled, { stream: 'delivery-b' })], []);
    sent[0]?.end();
    await settle();
    expect(ids()).toEqual(['a', 'c']);
  });

  it('reads the table again after a failure of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const { dispatcher, due, write, log, ids } = build();
    dispatcher.acceptOffers();
    vi.spyOn(due, 'claim').mockRejectedValueOnce(new Error('away'));
    write(attempt('a'));
    await vi.advanceTimersByTimeAsync(500);
    expect(ids()).toEqual([]);
    expect(log.error).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(600);
    expect(ids()).toEqual(['a']);
  });

  it('says when an attempt could not be carried out, does not repeat it, and goes on with the others', async () => {
    const { dispatcher, write, sent, ids, log, setStatus } = build({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    write(attempt('a'), attempt('b'));
    await settle();
    sent[0]?.fail(new Error('a defect'));
    await settle();
    setStatus('e1', 'ENABLED');
    await settle();
    expect(ids()).toEqual(['a', 'b']);
    expect(log.error).toHaveBeenCalledOnce();
  });

  it('stops by ending what is in flight and beginning nothing', async () => {
    const { dispatcher, sent, ids } = build({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of many(3)) dispatcher.offer(each);
    let stopped = false;
    const stopping = dispatcher.stop(60_000).then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    sent[0]?.end();
    await stopping;
    expect(ids()).toEqual(['e1-0']);
    await dispatcher.stop(60_000);
  });

  it('waits no longer than it is told to', async () => {
    const { dispatcher } = build();
    dispatcher.acceptOffers();
    dispatcher.offer(attempt('a'));
    await dispatcher.stop(1);
    expect(dispatcher.requestsInFlight).toBe(1);
  });
});

describe('the dispatcher, for an endpoint that takes batches,', () => {
  const endpoint = 'e1';
  const builtWith = (maxSize: number, maxWaitMs = 1000) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const built = build();
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
    await settle();
    expect(closed).toHaveLength(1);
    expect(sent).toEqual([]);
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
    await settle();
    expect(closed.map(({ of }) => of)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
    ]);
  });

  it('sends a closed batch, a test and what was attempted before at once', async () => {
    const { dispatcher, ids } = builtWith(10);
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
    for (const each of [batch, attempt('test', endpoint, { test: true }), before]) dispatcher.offer(each);
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
    dispatcher.committed([settled(cancelled, { stream: 'delivery-a' })], []);
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

describe('slots', () => {
  /** As many as are given. */
  const withSlots = (some: number) => {
    let used = 0;
    const slots = {
      attach: () => undefined,
      request: vi.fn<SharedSlots['request']>(),
      obtainable: () => some,
      held: () => some,
      inUse: () => used,
      take: () => used < some && ++used > 0,
      release: () => void used--,
    };
    const built = build({}, slots as unknown as SharedSlots); // as much of it as is used
    built.dispatcher.acceptOffers();
    return { ...built, slots, lose: () => (some = 0) };
  };

  it('bound what is sent at one time, and more are asked for', () => {
    const { dispatcher, ids, slots } = withSlots(2);
    for (const each of many(4)) dispatcher.offer(each);
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 4);
  });

  it('are held until the answer, and not until it is recorded', async () => {
    const { dispatcher, sent, ids } = withSlots(1);
    for (const each of many(3)) dispatcher.offer(each);
    sent[0]?.answered();
    expect(ids()).toEqual(['e1-0', 'e1-1']);
    sent[0]?.end();
    await settle();
    expect(ids()).toEqual(['e1-0', 'e1-1']); // it was given back once
    sent[1]?.fail(new Error('defect'));
    await settle();
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
    await settle();
    expect(ids()).toEqual(['e1-0']);
    expect(slots.request).toHaveBeenLastCalledWith('e1', 8); // for all that the table may hold
  });
});
