// The trial of a cluster, where TEST_EVENTSTORE_PROGRAM names the program of a log server, EventStore.ClusterNode or KurrentDB. `npm run test:cluster`
// is the same by hand.
import { expect, it } from 'vitest';
import { runCluster } from './cluster.ts';

const program = process.env['TEST_EVENTSTORE_PROGRAM'];

it.runIf(program)('the end of a node of the log costs no publisher more than the cluster itself takes', { timeout: 300_000 }, async () => {
  const report = await runCluster({ program: program ?? '', say: console.log });
  expect(report.violations).toEqual([]);
  expect(report.acknowledged).toBeGreaterThan(100);
});
