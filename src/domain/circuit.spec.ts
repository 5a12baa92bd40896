import { describe, expect, it } from 'vitest';
import { closedCircuit, evolveCircuit, type AttemptOutcome, type Circuit, type CircuitEvent } from './circuit.ts';

const second = 1_000;
const attempt = (endedAt: number, more: Partial<AttemptOutcome> = {}): CircuitEvent => ({
  type: 'attempt',
  outcome: { startedAt: endedAt, endedAt, error: 'It answered 500.', isPutOff: false, endpointRevision: 0, ...more },
});
const success = (at: number) => attempt(at, { error: null });
const after = (...events: readonly CircuitEvent[]): Circuit => events.reduce(evolveCircuit, closedCircuit);
/** Attempts that fail, evenly spaced. */
const failures = (count: number, overMs: number, from = 0) =>
  Array.from({ length: count }, (_, i) => attempt(from + Math.round((overMs * i) / (count - 1))));
const opened = after(...failures(20, 60 * second));

describe('a circuit', () => {
  it('is healthy before there was any attempt, and after each that succeeds', () => {
    expect(after()).toMatchObject({ state: 'HEALTHY', since: null, lastSuccessAt: null });
    expect(after(attempt(1), success(2))).toMatchObject({ state: 'HEALTHY', since: 2, consecutiveFailures: 0, lastSuccessAt: 2 });
    expect(after(attempt(1), success(2), success(3))).toMatchObject({ since: 2, lastSuccessAt: 3, lastError: 'It answered 500.' });
  });

  it('fails from the first failed attempt on', () =>
    expect(after(success(1), attempt(5), attempt(7))).toMatchObject({
      state: 'FAILING',
      since: 5,
      consecutiveFailures: 2,
      lastSuccessAt: 1,
      nextProbeAt: null,
    }));

  it('does not fail where the receiver only asks for patience, unless it does so for a minute', () => {
    const putOff = (at: number) => attempt(at, { isPutOff: true });
    expect(after(putOff(0), putOff(59 * second))).toMatchObject({ state: 'HEALTHY', consecutiveFailures: 2 });
    expect(after(putOff(0), putOff(60 * second))).toMatchObject({ state: 'FAILING', since: 60 * second });
  });

  it.each([
    ['20 failures over a minute', failures(20, 60 * second), 'OPEN'],
    ['19 failures over an hour', failures(19, 3_600 * second), 'FAILING'],
    ['a thousand failures over less than a minute', failures(1_000, 60 * second - 1), 'FAILING'],
    [
      '20 failures with a success among them',
      [...failures(10, 60 * second), success(60 * second), ...failures(10, 60 * second, 61 * second)],
      'FAILING',
    ],
  ])('after %s', (_, events, state) => expect(after(...events).state).toBe(state));

  describe('counts time by clocks that nobody can set', () => {
    /** Failures three seconds apart, by a wall clock that is off by so much at the nth of them. */
    const failuresBy = (offMs: (n: number) => number, count: number) =>
      Array.from({ length: count }, (_, n) => attempt(1_000 * second + n * 3 * second + offMs(n), { failingMs: n * 3 * second }));
    it.each([
      ['forward by an hour', (n: number) => (n > 2 ? 3_600 * second : 0)],
      ['back by ten minutes', (n: number) => (n > 2 ? -600 * second : 0)],
      ['forward by 40 s and back', (n: number) => (n > 2 && n < 8 ? 40 * second : 0)],
      ['at replicas whose clocks differ', (n: number) => (n % 2) * 600 * second],
    ])('set %s', (_, offMs) => {
      expect(after(...failuresBy(offMs, 20))).toMatchObject({ state: 'FAILING' });
      expect(after(...failuresBy(offMs, 21))).toMatchObject({ state: 'OPEN', openedMs: 60 * second });
    });
    it('and takes no probe for what was in flight when it opened, or the other way round, when they are set', () => {
      const open = after(...failuresBy(() => 0, 21));
      const at = open.since ?? 0;
      const probe = attempt(at - 600 * second, { startedAt: at - 601 * second, failingMs: 71 * second });
      expect(evolveCircuit(open, probe)).toMatchObject({ failedProbes: 1, nextProbeAt: at - 580 * second });
      const inFlight = attempt(at + 600 * second, { startedAt: at + 570 * second, failingMs: 70 * second });
      expect(evolveCircuit(open, inFlight)).toMatchObject({ failedProbes: 0, nextProbeAt: open.nextProbeAt });
    });
  });

  it('knows nothing of a new receiver, and learns nothing of it from attempts at the one before', () => {
    const moved = evolveCircuit(opened, { type: 'moved', at: 61 * second, revision: 7 });
    expect(moved).toMatchObject({ state: 'HEALTHY', since: 61 * second, consecutiveFailures: 0, nextProbeAt: null, deadSince: null });
    expect(moved.lastError).toBe('It answered 500.');
    expect(evolveCircuit(moved, attempt(62 * second, { endpointRevision: 6 }))).toEqual(moved);
    expect(evolveCircuit(moved, attempt(62 * second, { endpointRevision: 7 }))).toMatchObject({ state: 'FAILING', consecutiveFailures: 1 });
    expect(evolveCircuit(moved, success(62 * second))).toEqual(moved); // by revision 0
  });

  it('is probed 10 s after it opened, then ever more rarely, and at most a minute apart', () => {
    const waits: number[] = [];
    let circuit = opened;
    let now = 60 * second;
    for (let i = 0; i < 6; i++) {
      waits.push((circuit.nextProbeAt ?? 0) - now);
      now = circuit.nextProbeAt ?? 0;
      circuit = evolveCircuit(circuit, attempt(now));
    }
    expect(waits.map((ms) => ms / second)).toEqual([10, 20, 40, 60, 60, 60]);
    expect(circuit).toMatchObject({ state: 'OPEN', since: 60 * second, consecutiveFailures: 26 });
  });

  it('takes no attempt for a probe that was in flight when it opened', () =>
    expect(evolveCircuit(opened, attempt(65 * second, { startedAt: 59 * second }))).toMatchObject({
      nextProbeAt: 70 * second,
      failedProbes: 0,
    }));

  it('takes an attempt that a person asked for as a probe', () =>
    expect(evolveCircuit(opened, attempt(62 * second))).toMatchObject({ nextProbeAt: 82 * second, failedProbes: 1 }));

  it('closes with a success', () =>
    expect(evolveCircuit(opened, success(70 * second))).toMatchObject({
      state: 'HEALTHY',
      since: 70 * second,
      nextProbeAt: null,
      failedProbes: 0,
    }));

  it('is probed at once when a person releases or changes the endpoint, and stays open until that succeeds', () => {
    for (const type of ['released', 'changed'] as const)
      expect(evolveCircuit(opened, { type, at: 61 * second })).toMatchObject({ state: 'OPEN', nextProbeAt: 61 * second });
    expect(after({ type: 'released', at: 5 })).toEqual(closedCircuit);
  });

  it('is dead since the first failure after the last success, or after a person released the endpoint', () => {
    expect(after(attempt(1), success(2), attempt(3), attempt(4)).deadSince).toBe(3);
    expect(after(attempt(1), { type: 'released', at: 5 }).deadSince).toBeNull();
    expect(after(attempt(1), { type: 'released', at: 5 }, attempt(7)).deadSince).toBe(7);
    expect(after(attempt(1), { type: 'changed', at: 5 }, attempt(7)).deadSince).toBe(1);
  });
});
