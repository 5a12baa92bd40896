// What the console may weigh: the first page, and all of it but the playground, compressed as browsers get it.
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const folder = resolve(import.meta.dirname, '../../dist/console');
const kilobyte = 1_000;

/** Small files are served as they are. */
const gzippedSize = (name: string): number => {
  const file = join(folder, 'assets', name);
  const [compressed] = globSync(`${file}.gz`);
  return statSync(compressed ?? file).size;
};
const sizeOf = (names: Iterable<string>): number => [...names].reduce((sum, name) => sum + gzippedSize(name), 0);

/** Files that a file names, and those that they name. */
const reachableFrom = (names: readonly string[], follow: RegExp): ReadonlySet<string> => {
  const reached = new Set<string>();
  const waiting = [...names];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    if (name.endsWith('.js'))
      waiting.push(...Array.from(readFileSync(join(folder, 'assets', name), 'utf8').matchAll(follow), ([, found = '']) => found));
  }
  return reached;
};

const filesOf = (page: string): readonly string[] =>
  Array.from(readFileSync(join(folder, page), 'utf8').matchAll(/(?:src|href)="\/assets\/([^"]+)"/g), ([, name = '']) => name);
/** Loaded before the page runs. */
const statically = /(?:from|import)\s*["']\.\/([\w.-]+)["']/g;
/** Also what is loaded when it is needed. */
const ever = /["'`](?:\.\/|assets\/)([\w.-]+\.(?:js|css|svg))["'`]/g;

it.each(['OverviewPage', 'EndpointsPage'])('%s, with all it loads, is at most 250 kB', (name) => {
  const page = globSync(`${name}-*.js`, { cwd: join(folder, 'assets') }).map((file) => basename(file));
  expect(page).toHaveLength(1);
  expect(sizeOf(reachableFrom([...filesOf('index.html'), ...page], statically)) / kilobyte).toBeLessThanOrEqual(250);
});

it('the table of endpoints in the portal, with all it loads, is at most 250 kB', () => {
  const table = globSync('EndpointsPage-*.js', { cwd: join(folder, 'assets') }).map((file) => basename(file));
  expect(sizeOf(reachableFrom([...filesOf('portal.html'), ...table], statically)) / kilobyte).toBeLessThanOrEqual(250);
});

it('the whole console with the portal is at most 650 kB', () => {
  const first = [...filesOf('index.html'), ...filesOf('portal.html')];
  const all = reachableFrom(first, ever);
  expect(all.size).toBeGreaterThan(first.length);
  expect(sizeOf(all) / kilobyte).toBeLessThanOrEqual(650);
});
