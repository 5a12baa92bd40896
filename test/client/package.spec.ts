// The published package of client/: its files, and its lack of dependencies.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const folder = resolve(import.meta.dirname, '../../client');
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
  dependencies?: unknown;
  peerDependencies?: unknown;
  exports: { '.': { types: string; default: string } };
};

it('holds the built modules with their types, the README and the licence', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder });
  const [packed] = JSON.parse(stdout) as { name: string; files: { path: string }[] }[];
  const modules = ['admin', 'errors', 'finder', 'graphql', 'hookledger', 'index', 'retry', 'verify-webhook'];
  const built = modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]);
  expect(packed?.name).toBe('@hookledger/client');
  expect(packed?.files.map(({ path }) => path).toSorted()).toEqual(['LICENSE', 'README.md', ...built, 'package.json'].toSorted());
  for (const path of [manifest.exports['.'].types, manifest.exports['.'].default]) expect(built).toContain(path.replace('./', ''));
});

it('depends only on Node', () => {
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('peerDependencies');
  for (const name of ['admin', 'errors', 'finder', 'graphql', 'hookledger', 'index', 'retry', 'verify-webhook']) {
    const imports = Array.from(readFileSync(join(folder, `dist/${name}.js`), 'utf8').matchAll(/ from ["'](.*)["']/g), ([, from]) => from);
    expect(imports.filter((from) => !/^(node:|\.\/)/.test(from ?? ''))).toEqual([]);
  }
});
