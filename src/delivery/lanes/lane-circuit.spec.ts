import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closedCircuit, type AttemptOutcome, type Circuit } from '../../domain/circuit.ts';
import type { EndpointId } from '../../domain/ids.ts';
import { HoldEndpoint } from '../saga/saga-commands.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { attempt, givenDispatcher, many } from './given.ts';
import { Pace } from './pace.ts';

const e1 = 'e1' as EndpointId;
const outcome = (more: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  startedAt: Date.now(),
  endedAt: Date.now(),
  error: null,
  isPutOff: false,
  endpointRevision: 0,
  ...more,
});
const ok = () => ({ receiver: 'answers' as const, outcome: outcome() });
const failure = () => ({ receiver: 'answers' as const, outcome: outcome({ error: 'It answered 500.' }) });
/** An open circuit as the log has it. */
const open = (probeInMs: number, more: Partial<Circuit> = {}) => ({
  endpointId: e1,
  probeAt: Date.now() + probeInMs,
  circuit: {
    ...closedCircuit,
    state: 'OPEN' as const,
    since: Date.now(),
    consecutiveFailures: 20,
    failingSince: 0,
    nextProbeAt: Date.now() + probeInMs,
    lastAttemptAt: Date.now(),
    ...more,
  },
});

describe('a lane whose circuit is open', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }));
  afterEach(() => vi.useRealTimers());

  const givenOpen = async (probeInMs: number) => {
    const given = givenDispatcher();
    given.gates.push(open(probeInMs));
    given.dispatcher.acceptOffers();
    await vi.advanceTimersByTimeAsync(0);
    return given;
  };

  it('sends nothing until the probe, then one, and the next ones ever more rarely', async () => {
    const { dispatcher, sent, ids } = await givenOpen(5_000);
    for (const each of many(20)) dispatcher.offer(each);
    await vi.advanceTimersByTimeAsync(4_990);
    expect(ids()).toEqual([]);
    await vi.advanceTimersByTimeAsync(20);
    expect(ids()).toEqual(['e1-0']);
    await vi.advanceTimersByTimeAsync(30_000); // it times out
    expect(ids()).toEqual(['e1-0']);
    sent[0]?.end(failure());
    await vi.advanceTimersByTimeAsync(19_990);
    expect(ids()).toEqual(['e1-0']);
    await vi.advanceTimersByTimeAsync(20);
    expect(ids()).toEqual(['e1-0', 'e1-1']);
  });

  it('lets out at once what a person waits for: a test, and a retry, also while a probe is in flight', async () => {
    const { dispatcher, ids } = await givenOpen(10);
    for (const each of many(3)) dispatcher.offer(each);
    await vi.advanceTimersByTimeAsync(20);
    dispatcher.offer(attempt('test', 'e1', { test: true }));
    expect(ids()).toEqual(['e1-0', 'test']);
  });

  it('lets out at once what a person waits for that is in the table only, as after a restart, also while the receiver wants no requests', async () => {
    const given = givenDispatcher();
    const { rows, gates, held, dispatcher, ids, reads } = given;
    gates.push(open(60_000));
    held.push(new HoldEndpoint(e1, Date.now() + 3_600_000, 3_600_000, 0));
    const { subject, revision, dueAt, cause } = attempt('asked');
    const asked = new ScheduleAttempt(attempt('asked').id, subject, 1, 0, revision, dueAt + 900_000, cause, undefined, 0, 'person');
    for (const each of [...many(500), asked]) rows.set(each.id, each);
    dispatcher.acceptOffers();
    await vi.advanceTimersByTimeAsync(100);
    expect(ids()).toEqual(['asked']);
    // The rest costs no look at the table, nor does more that nobody waits for.
    const before = reads.length;
    for (let i = 0; i < 10; i++) given.write(attempt(`more-${i}`));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([ids().length, reads.length - before]).toEqual([1, 0]);
    // Another replica wrote one.
    rows.set('test', attempt('test', 'e1', { test: true }));
    dispatcher.attemptsDue([e1], undefined, true);
    await vi.advanceTimersByTimeAsync(100);
    expect(ids()).toEqual(['asked', 'test']);
  });

  it('lets out at once a delivery that waits in the lane, when a person retries it, and sends it once', async () => {
    const { dispatcher, sent, ids } = await givenOpen(60_000);
    for (const each of many(3)) dispatcher.offer(each);
    const waiting = attempt('e1-1');
    const { id, subject, revision, dueAt, cause } = waiting;
    dispatcher.offer(new ScheduleAttempt(id, subject, 1, 0, revision, dueAt, cause, undefined, 0, 'person'));
    expect(ids()).toEqual(['e1-1']);
    dispatcher.offer(waiting); // it is in flight
    sent[0]?.end(ok());
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ids().toSorted()).toEqual(['e1-0', 'e1-1', 'e1-2']);
  });

  it('drains what has waited slowly at first once the receiver answers, and then faster and faster', async () => {
    const { dispatcher, rows, sent, ids } = await givenOpen(10);
    const all = many(200);
    for (const each of all) rows.set(each.id, each);
    dispatcher.attemptsDue([e1], undefined);
    let answered = 0;
    const counts: number[] = [];
    for (let second = 0; second < 4; second++) {
      const before = ids().length;
      for (let i = 0; i < 100; i++) {
        for (; answered < sent.length; answered++) {
          rows.delete(String(sent[answered]?.attempt.id));
          sent[answered]?.end(ok());
        }
        await vi.advanceTimersByTimeAsync(10);
      }
      counts.push(ids().length - before);
    }
    expect(counts[0]).toBeLessThan(12);
    expect(counts[1]).toBeGreaterThan(counts[0] ?? 0);
    expect(counts[2]).toBeGreaterThan(counts[1] ?? 0);
  });

  it('is probed at once when the log says so, as after a person resumed the endpoint', async () => {
    const { dispatcher, ids } = await givenOpen(60_000);
    for (const each of many(3)) dispatcher.offer(each);
    await vi.advanceTimersByTimeAsync(1_000);
    dispatcher.circuitsChanged([open(0)]);
    await vi.advanceTimersByTimeAsync(0);
    expect(ids()).toEqual(['e1-0']);
  });

  it('opens by its own attempts, before the log is followed so far, and does not close by what is older', async () => {
    const { dispatcher, sent, ids } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of many(30)) dispatcher.offer(each);
    for (let i = 0; i < 20; i++) {
      sent[i]?.end(failure());
      await vi.advanceTimersByTimeAsync(3_200);
    }
    expect(ids()).toHaveLength(20);
    dispatcher.circuitsChanged([
      { ...open(0, { state: 'FAILING', consecutiveFailures: 19, lastAttemptAt: Date.now() - 10_000 }), probeAt: null },
    ]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ids()).toHaveLength(20);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ids()).toHaveLength(21);
  });

  it('tells for how long its attempts have failed, whatever happens to the wall clock, and goes on from what the log has of others', async () => {
    const { dispatcher, sent } = givenDispatcher({ endpointConcurrency: 1 });
    dispatcher.acceptOffers();
    for (const each of many(6)) dispatcher.offer(each);
    const failingMs = () => sent.at(-1)?.circuit.failingMs();
    expect(failingMs()).toBe(0);
    sent[0]?.end(failure());
    await vi.advanceTimersByTimeAsync(3_000);
    expect(failingMs()).toBe(3_000);
    dispatcher.circuitsChanged([{ ...open(0, { state: 'FAILING', failingMs: 50_000, lastAttemptAt: Date.now() + 1 }), probeAt: null }]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(failingMs()).toBe(52_000);
    sent[1]?.end(ok());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(failingMs()).toBe(0);
  });

  it('leaves the probe to another replica that makes it', async () => {
    const given = await givenOpen(10);
    const mayProbe = vi.fn<() => Promise<boolean>>().mockResolvedValueOnce(false).mockResolvedValue(true);
    Object.assign(given.due, { mayProbe });
    for (const each of many(3)) {
      given.rows.set(each.id, each);
      given.dispatcher.offer(each);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect([given.ids(), mayProbe.mock.calls.length]).toEqual([[], 1]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([given.ids().length, mayProbe.mock.calls.length]).toEqual([1, 2]);
  });

  it('sends nothing any more once the endpoint is deleted: all that waits is cancelled at once, and no replica is asked', async () => {
    const { dispatcher, due, ids, write, delete: remove } = await givenOpen(60_000);
    const mayProbe = vi.fn<() => Promise<boolean>>().mockResolvedValue(false);
    Object.assign(due, { mayProbe });
    dispatcher.endpointsHeld([new HoldEndpoint(e1, Date.now() + 3_600_000, 3_600_000, 0)]);
    write(...many(5));
    await vi.advanceTimersByTimeAsync(100);
    expect([ids(), dispatcher.circuits('OPEN')]).toEqual([[], 1]);
    remove('e1');
    await vi.advanceTimersByTimeAsync(0);
    expect([ids().length, mayProbe.mock.calls.length, dispatcher.circuits('OPEN')]).toEqual([5, 0, 0]);
  });

  it('holds back no publisher, neither while it is open nor while it drains slowly', async () => {
    const pace = new Pace(
      () => ({ rateLimit: null, maxConcurrency: null }),
      64,
      () => undefined,
      undefined,
    );
    const answer = () => pace.observe({ receiver: 'answers', durationMs: 1, outcome: outcome() });
    answer();
    expect(pace.keepsUp).toBe(true);
    const { circuit } = open(0);
    pace.followCircuit(circuit, 0);
    pace.observe({ receiver: 'answers', durationMs: 1, outcome: outcome({ error: 'It answered 500.' }) }); // a probe
    expect(pace.keepsUp).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    answer();
    expect([pace.circuitState, pace.keepsUp]).toEqual(['HEALTHY', false]);
    await vi.advanceTimersByTimeAsync(10_000);
    answer();
    expect(pace.keepsUp).toBe(true);
  });
});
