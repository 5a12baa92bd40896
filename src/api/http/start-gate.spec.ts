import { describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { StartGate } from './start-gate.ts';

describe('the gate at the start', () => {
  it('holds requests until everything is open', async () => {
    const gate = new StartGate();
    let passed = 0;
    const waiting = [gate.pass(), gate.pass()].map((each) => each.then(() => passed++));
    await Promise.resolve();
    expect(passed).toBe(0);
    gate.open();
    await Promise.all(waiting);
    expect(passed).toBe(2);
    await gate.pass();
  });

  it('refuses after its longest wait, and says when to come back', async () => {
    const refused = await new StartGate(20).pass().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refusal);
    expect(refused).toMatchObject({ code: 'UNAVAILABLE', status: 503, headers: { 'retry-after': '5' } });
  });
});
