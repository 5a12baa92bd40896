// The bench and the demo run to the end and print what they should. This spec does not judge their speed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Figures } from '../bench/figures.ts';
import type { FormatFigures } from '../bench/formats.ts';

const run = promisify(execFile);

it('the bench measures every phase and both limits', { timeout: 90_000 }, async () => {
  const quick = ['--seconds', '0.8', '--warm-up', '0.3', '--connections', '8', '--waiting', '300'];
  const { stdout } = await run(process.execPath, ['bench/bench.ts', '--json', ...quick]);
  const figures = JSON.parse(stdout) as Figures;
  expect(figures.problems).toEqual([]);
  for (const phase of [figures.A, figures.passThrough, figures.B, figures.C]) {
    expect(phase?.deliveriesPerSecond).toBeGreaterThan(0);
    expect(phase?.latencyMs.p50).toBeGreaterThan(0);
    expect(phase?.signatures).toMatchObject({ wrong: 0 });
    expect(phase?.lost).toBe(0);
  }
  expect(figures.A?.signatures.checked).toBeGreaterThan(0);
  expect(figures.bareLoop?.perSecond).toBeGreaterThan(0);
  expect(figures.D?.deliveries).toBe(300);
  expect(figures.rebuild?.eventsPerSecond).toBeGreaterThan(0);
  expect(figures.targets.map(({ what }) => what)).toContain('A / pass-through');
});

it('the bench of formats measures each format, filters and matching', { timeout: 60_000 }, async () => {
  const typed = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];
  const { stdout } = await run(process.execPath, [...typed, 'bench/formats.ts', '--json', '--seconds', '0.02']);
  const figures = JSON.parse(stdout) as FormatFigures;
  expect(Object.keys(figures.formats)).toEqual(['ENVELOPE', 'FLAT', 'ARRAY', 'SLACK', 'DISCORD', 'TEAMS', 'PAGERDUTY', 'TEMPLATE']);
  for (const figure of [...Object.values(figures.formats), figures.filtersPerSecond, ...Object.values(figures.matching)])
    expect(figure).toBeGreaterThan(0);
  expect(figures.targets.map(({ what }) => what)).toContain('ENVELOPE with HMAC, requests/s');
});

it('the bench also measures a log server, next to a bare loop on its client', { timeout: 60_000 }, async () => {
  const quick = ['--store', 'eventstoredb', '--only', 'A,log', '--seconds', '0.8', '--warm-up', '0.3', '--connections', '8'];
  const { stdout } = await run(process.execPath, ['bench/bench.ts', '--json', ...quick]);
  const figures = JSON.parse(stdout) as Figures;
  expect(figures.problems).toEqual([]);
  expect(figures.A?.deliveriesPerSecond).toBeGreaterThan(0);
  expect(figures.log?.adapter).toBeGreaterThan(0);
  expect(figures.log?.bare).toBeGreaterThan(0);
  expect(figures.targets.map(({ what }) => what)).toContain('appends / bare client loop');
});

it('the demo shows a failed attempt, its retry, the success rate and the timeline, and ends', { timeout: 60_000 }, async () => {
  const { stdout } = await run(process.execPath, ['bench/demo.ts']);
  expect(stdout).toMatch(/attempt 1 failed: .*500.*next attempt in \d/);
  expect(stdout).toMatch(/attempt 2: signature verified, answering 200/);
  expect(stdout).toContain('success rate 100% (3/3)');
  expect(stdout).toMatch(/a duplicate, nothing is sent again/);
  expect(stdout).toContain('acme\'s portal shows "acme\'s desk" and 1 message');
  expect(stdout).toContain('zenith\'s portal shows "zenith\'s desk" and 1 message');
  expect(stdout).toMatch(/The timeline of the message.*\n(\s+\d{4}-\d\d-\d\dT\S+ {2}\S.*\n){3,}/);
  expect(stdout).toContain('exit code 0');
});
