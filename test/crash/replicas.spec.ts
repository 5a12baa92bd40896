// A short run of the trial of replicas; `npm run test:replicas` is the long one.
import { expect, it } from 'vitest';
import { postgresUrl } from '../support/databases.ts';
import { formatReplicas, runReplicas } from './replicas.ts';

it('three replicas keep every promise while one of them is killed', { timeout: 200_000 }, async () => {
  const seed = Math.floor(Math.random() * 1e9);
  const few = { connections: 2, organizations: 3, firstMessageWithinMs: 20_000 };
  const report = await runReplicas({ rounds: 1, secondsPerRound: 1.5, seed, database: await postgresUrl(), ...few });
  console.log(formatReplicas(report));
  expect(report.violations).toEqual([]);
  expect(report.kills).toBe(1);
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.tenants.organizations).toBe(3);
  expect(report.tenants.acknowledged).toBeGreaterThan(5);
});
