// docs/operations.md is true: its backup of a running server is complete, and the specs, metrics and log lines that it names exist.
import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Metrics, nothingHeld } from '../../src/service/metrics.ts';
import { Client, eventually } from '../support/client.ts';
import { startServer } from '../support/server.ts';

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8');

it('a backup made as it says while messages arrive holds everything acknowledged before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  await using server = Object.assign(await startServer(), { [Symbol.asyncDispose]: () => server.dispose() });
  symlinkSync(server.dataDir, join(folder, 'data'));
  const publish = (type: string, count: number) => server.publish(Array.from({ length: count }, () => ({ type, data: { some: 'thing' } })));
  await publish('before.it', 100);
  const [, command = ''] = /^```sh backup\n([^]*?)^```$/m.exec(page) ?? [];
  const over = new AbortController();
  const meanwhile = (async () => {
    while (!over.signal.aborted) await publish('during.it', 20);
  })();
  const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env['PATH']}` };
  await promisify(execFile)('bash', ['-e', '-c', command], { cwd: folder, env });
  over.abort();
  await meanwhile;

  await using restored = Object.assign(
    await startServer({ dataDir: join(folder, 'backup'), env: { HOOKLEDGER_ADMIN_KEY: server.adminKey } }),
    {
      [Symbol.asyncDispose]: async () => {
        await restored.dispose();
        rmSync(folder, { recursive: true });
      },
    },
  );
  const client = new Client(restored, server.adminKey);
  const messages = () => client.query<{ nodes: object[] }>('{ messages(first: 200, eventType: "before.it") { nodes { id } } }');
  expect((await eventually(messages, ({ nodes }) => nodes.length >= 100)).nodes).toHaveLength(100);
  expect((await client.get('/health/ready')).status).toBe(200);
}, 60_000);

describe('what it names', () => {
  const shown = Array.from(page.matchAll(/`((?:src|test)\/[\w./-]+\.spec\.ts)`: _([^|]+?)_(?= *[|).])/g), ([, file = '', name = '']) => ({
    file,
    name: name.replaceAll(/\s+/g, ' '), // a name may continue on the next line
  }));

  it('is in the spec that it says', () => {
    expect(shown.length).toBeGreaterThanOrEqual(15);
    const missing = shown.filter(
      ({ file, name }) => !existsSync(join(root, file)) || !readFileSync(join(root, file), 'utf8').includes(name),
    );
    expect(missing).toEqual([]);
  });

  it('is logged', () => {
    const [, paragraph = ''] = /^Log lines are JSON([^]*?)\n\n/m.exec(page) ?? [];
    const phrases = Array.from(paragraph.matchAll(/`([^`]+)`/g), ([, phrase = '']) => phrase).filter((phrase) => phrase.includes(' '));
    expect(phrases.length).toBeGreaterThanOrEqual(4);
    const code = globSync('src/**/*.ts', { cwd: root, exclude: ['**/*.spec.ts'] })
      .flatMap((file) => readFileSync(join(root, file), 'utf8').split('\n'))
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line));
    expect(phrases.filter((phrase) => !code.some((line) => line.includes(phrase)))).toEqual([]);
  });

  it('is measured', async () => {
    const metrics = new Metrics();
    metrics.observe({
      consumers: () => [],
      waiting: async () => ({ waiting: 0, held: 0, oldestDueSeconds: 0, deliveriesHeld: nothingHeld }),
      unusable: () => 0,
      requestsInFlight: () => 0,
      circuits: () => 0,
      sources: () => [],
    });
    const measured = metrics.registry.getMetricsAsArray().map(({ name }) => name);
    const named = Array.from(page.matchAll(/^\| `((?:hookledger|nodejs|process)_\w+)`/gm), ([, name = '']) => name);
    expect(named.length).toBeGreaterThanOrEqual(10);
    expect(named.filter((name) => !measured.includes(name))).toEqual([]);
    const ours = measured.filter((name) => name.startsWith('hookledger_') && name !== 'hookledger_consumer_lag_events');
    expect(ours.filter((name) => !named.includes(name))).toEqual([]);
  });
});
