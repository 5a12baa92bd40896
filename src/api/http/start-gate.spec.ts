import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { StartGate } from './start-gate.ts';

describe('the gate at the start', () => {
  it('holds requests until everything is open', async () => {
    const gate = new StartGate(undefined);
    let passed = 0;
    const waiting = [gate.pass(), gate.pass()].map((each) => each.then(() => passed++));
    await Promise.resolve();
    expect(passed).toBe(0);
    gate.open();
    await Promise.all(waiting);
    expect(passed).toBe(2);
    await gate.pass();
  });

  it('waits for what is still built, and once its longest wait is over refuses at once', async () => {
    let isDone = false;
    const waits: number[] = [];
    const build = {
      get isDone() {
        return isDone;
      },
      pass: (ms: number) => {
        waits.push(ms);
        return Promise.reject(new Error('not yet'));
      },
    };
    const gate = new StartGate(build, 50);
    gate.open();
    expect(gate.isOpen).toBe(false);
    await expect(gate.pass()).rejects.toThrow('not yet');
    await sleep(60);
    await expect(gate.pass()).rejects.toThrow('not yet');
    expect(waits.map((ms) => ms > 0)).toEqual([true, false]);
    isDone = true;
    expect(gate.isOpen).toBe(true);
    await gate.pass();
  });

  it('refuses after its longest wait, and says when to come back', async () => {
    const refused = await new StartGate(undefined, 20).pass().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Refusal);
    expect(refused).toMatchObject({ code: 'UNAVAILABLE', status: 503, headers: { 'retry-after': '5' } });
  });
});
