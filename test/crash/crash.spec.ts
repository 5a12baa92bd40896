// A short run of the crash trial; `npm run test:crash` is the long one.
import { expect, it } from 'vitest';
import { formatReport } from './checks.ts';
import { runCrash } from './crash.ts';

it('keeps every promise through kill -9', { timeout: 180_000 }, async () => {
  const report = await runCrash({ rounds: 3, secondsPerRound: 1.5, seed: Math.floor(Math.random() * 1e9), settleSeconds: 30 });
  console.log(formatReport(report));
  expect(report.violations).toEqual([]);
  expect(report.kills).toBeGreaterThanOrEqual(3);
  expect(report.acknowledged).toBeGreaterThan(100);
});
