// The build: when it runs again, what the built program needs to start, and what it says on a Node that is too old.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { hashOfSources } from '../build.ts';
import { runToEnd } from './support/process.ts';
import { builtServer } from './support/server.ts';

const root = resolve(import.meta.dirname, '..');
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');
const { engines, scripts } = JSON.parse(textOf('package.json')) as { engines: { node: string }; scripts: Record<string, string> };

/** Runs the built program on that Node. */
const runOn = (node: string, ...flags: string[]): Promise<{ code: number; output: string }> =>
  new Promise((ended) =>
    execFile(node, [...flags, builtServer], (error, stdout, stderr) =>
      ended({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
    ),
  );

const versionOf = async (node: string): Promise<number> => {
  try {
    return Number.parseInt((await promisify(execFile)(node, ['--version'])).stdout.slice(1), 10);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
};

it('does nothing if dist/ is built from the present sources', async () => {
  const built = statSync(join(root, 'dist/.built-from')).mtimeMs;
  expect(scripts['prestart']).toBe(scripts['build']);
  await promisify(execFile)(process.execPath, [join(root, 'build.ts')], { cwd: root });
  expect(statSync(join(root, 'dist/.built-from')).mtimeMs).toBe(built);
});

it('builds again if a source, a package or the build changed, and not for a spec', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  for (const file of ['build.ts', 'package.json', 'package-lock.json', 'tsconfig.json']) cpSync(join(root, file), join(folder, file));
  mkdirSync(join(folder, 'src/domain'), { recursive: true });
  writeFileSync(join(folder, 'src/domain/a.ts'), '1');
  mkdirSync(join(folder, 'console/src'), { recursive: true });
  let last = hashOfSources(folder);
  for (const file of [
    'src/main.ts',
    'src/domain/a.ts',
    'console/src/main.tsx',
    'build.ts',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ]) {
    writeFileSync(join(folder, file), '2');
    expect([file, hashOfSources(folder)]).not.toEqual([file, last]);
    last = hashOfSources(folder);
  }
  writeFileSync(join(folder, 'src/domain/a.spec.ts'), '3');
  expect(hashOfSources(folder)).toBe(last);
  rmSync(folder, { recursive: true });
});

it('runs without any package beside it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const { code, output } = await runToEnd(
    [],
    { HOOKLEDGER_HOST: `${'a'.repeat(64)}.example`, HOOKLEDGER_DATA_DIR: join(folder, 'data') },
    join(folder, 'dist/main.js'),
  );
  rmSync(folder, { recursive: true });
  expect(output).toMatch(/HOOKLEDGER_HOST/); // the last step of a start is to listen
  expect(code).toBe(1);
});

const tooOld = /^Hookledger needs Node\.js 24 or newer, and this is 20\.\d+\.\d+: .*`npm start`.*\n$/;

it('says on a Node that is too old what to do', async () => {
  expect(engines.node).toBe('>=24');
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})`;
  const { code, output } = await runOn(process.execPath, '--import', pretend);
  expect(output).toMatch(tooOld);
  expect(code).toBe(1);
});

it('keeps the entry readable for old versions of Node, which reject a file before they run any of it', async () => {
  const main = readFileSync(builtServer, 'utf8');
  expect(main).not.toMatch(/^import\b|\bfrom ['"]|\bawait\b|\?\?|\?\./m);
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(folder, 'node');
    if ((await versionOf(node)) !== 20) continue;
    expect(await runOn(node)).toEqual({ code: 1, output: expect.stringMatching(tooOld) as string });
  }
});

it('passes on the licences of the packages in it', () => {
  const licences = textOf('dist/LICENSES-OF-PACKAGES.txt');
  for (const name of ['fastify', '@nestjs/core', '@eventstore/db-client', 'zod', 'react', 'graphiql'])
    expect(licences).toMatch(new RegExp(`^${name} [\\d.]+ \\(".+"\\)$`, 'm'));
});

it('production takes 300 packages at most', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, { dev?: boolean; optional?: boolean }> };
  const production = Object.entries(packages).filter(([name, { dev }]) => name !== '' && dev !== true);
  expect(production.length).toBeLessThanOrEqual(300);
});
