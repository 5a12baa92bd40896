// Dead endpoints, however many, delay nobody else. The full measure is `npm run bench:dead`.
import { expect, it } from 'vitest';
import { measureAmongDead } from '../support/dead-endpoints.ts';

it('endpoints that hang, drip or have names that never resolve do not delay healthy ones', async () => {
  // With few places, few dead endpoints ask for all of them.
  const { alone, among, held } = await measureAmongDead({
    hanging: 20,
    unresolved: 20,
    dripping: 10,
    seconds: 2.5,
    healthyRate: 25,
    deadRate: 50,
    server: { env: { HOOKLEDGER_CONCURRENCY: '40' } },
  });
  expect(held).toBeGreaterThan(10);
  // A machine that runs other specs meanwhile is no measure: what is not held up takes milliseconds, what is, tens of seconds.
  expect(among.p99).toBeLessThan(2 * alone.p99 + 5_000);
  expect(among.p50).toBeLessThan(2 * alone.p50 + 500);
}, 120_000);
