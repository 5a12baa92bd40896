import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NameState } from './lookup-pool.ts';
import type { NameAnswer } from './name-lookup.ts';
import { Names } from './names.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'], now: 0 }));
afterEach(() => vi.useRealTimers());

/** Waits until everything that follows immediately has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const answer = (address: string, ttlSeconds: number): NameAnswer => ({ addresses: [{ address, family: 4 }], ttlSeconds });

/** Names whose look-ups the test answers, in turn. */
const given = (...answers: readonly (NameAnswer | Error)[]) => {
  const states: NameState[] = [];
  const left = [...answers];
  const names = new Names(async (_, state) => {
    states.push(state);
    const next = left.shift() ?? new Error('no more');
    if (next instanceof Error) throw next;
    return next;
  });
  const address = async () => (await names.addresses('a.example'))[0]?.address;
  return { names, states, address };
};

describe('an answer', () => {
  it('is used for as long as its TTL', async () => {
    const { address, states } = given(answer('192.0.2.1', 30), answer('192.0.2.2', 30));
    expect(await address()).toBe('192.0.2.1');
    vi.advanceTimersByTime(20_000);
    expect(await address()).toBe('192.0.2.1');
    expect(states).toEqual(['new']);
    vi.advanceTimersByTime(10_000);
    expect(await address()).toBe('192.0.2.2');
    expect(states).toEqual(['new', 'answering']);
  });
  it('in use is refreshed before it ends, and nobody waits for that', async () => {
    const { names, address } = given(answer('192.0.2.1', 30), answer('192.0.2.2', 30));
    await address();
    vi.advanceTimersByTime(25_000);
    expect(names.ready('a.example')).toBe(true);
    await settled();
    vi.advanceTimersByTime(10_000);
    expect(names.ready('a.example')).toBe(true);
    expect(await address()).toBe('192.0.2.2');
  });
  it('holds though its refresh fails, but not beyond its TTL', async () => {
    const { address } = given(answer('192.0.2.1', 30), new Error('no DNS'), new Error('no DNS'));
    await address();
    vi.advanceTimersByTime(25_000);
    expect(await address()).toBe('192.0.2.1');
    await settled();
    vi.advanceTimersByTime(500);
    expect(await address()).toBe('192.0.2.1');
    vi.advanceTimersByTime(5_000);
    await expect(address()).rejects.toThrow('no DNS');
  });
  it('without a TTL serves the callers that are waiting', async () => {
    const { address, states } = given(answer('192.0.2.1', 0), answer('192.0.2.2', 0));
    expect(await Promise.all([address(), address()])).toEqual(['192.0.2.1', '192.0.2.1']);
    vi.advanceTimersByTime(1_000);
    expect(await address()).toBe('192.0.2.2');
    expect(states).toHaveLength(2);
  });
});

it('a failure reaches every waiting caller, and the name counts as failing until it answers', async () => {
  const { names, address, states } = given(new Error('no DNS'), new Error('no DNS'), answer('192.0.2.1', 0), answer('192.0.2.1', 0));
  expect(await names.ready('a.example')).toBeUndefined();
  expect(names.ready('a.example')).toBe(true);
  await expect(address()).rejects.toThrow('no DNS');
  expect(states).toEqual(['new']);
  for (let n = 0; n < 3; n++) {
    vi.advanceTimersByTime(1_000);
    await address().catch(() => undefined);
  }
  expect(states).toEqual(['new', 'failing', 'failing', 'answering']);
});

it('keeps a bounded number of names', async () => {
  let looked = 0;
  const names = new Names(async () => {
    looked++;
    return answer('192.0.2.1', 300);
  });
  for (let n = 0; n < 10_001; n++) await names.addresses(`n${n}.example`);
  await names.addresses('n10000.example');
  expect(looked).toBe(10_001);
  await names.addresses('n0.example');
  expect(looked).toBe(10_002);
});
