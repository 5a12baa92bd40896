import { describe, expect, it } from 'vitest';
import { closedCircuit, evolveCircuit, type Circuit, type CircuitEvent } from './circuit.ts';

const second = 1_000;
const attempt = (endedAt: number, more: { error?: string | null; isPutOff?: boolean; startedAt?: number } = {}): CircuitEvent => ({
  type: 'attempt',
  outcome: { startedAt: endedAt, endedAt, error: 'It answered 500.', isPutOff: false, ...more },
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
