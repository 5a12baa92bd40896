// The documentation is true: the README's tour runs as written, its settings are the ones that exist, and the links, scripts and files of all pages exist.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config.ts';
import { eventually } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = ['README.md', 'CONTRIBUTING.md', 'client/README.md', ...globSync('docs/**/*.md', { cwd: root })];
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');
const readme = textOf('README.md');

/** The names of all modules: pages may leave out the folder. */
const sources = new Set(globSync('{*.ts,{src,test,bench,client/src,console/src}/**/*.ts}', { cwd: root }).map((file) => basename(file)));

/** The code blocks with this info string, in order. */
const blocks = (info: string): string[] =>
  Array.from(readme.matchAll(/^```(.*)\n([^]*?)^```$/gm))
    .filter(([, given]) => given === info)
    .map(([, , code = '']) => code);

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
};

describe("the README's tour", () => {
  let folder: string;
  let server: Server;
  let receiver: ChildProcess;
  let receiverPort: number;
  let printed = '';

  /** Replaces the README's ports with those of this run. */
  const here = (code: string) => code.replaceAll('4000', String(receiverPort)).replaceAll('http://127.0.0.1:3000', server.url);
  const run = async (block: string): Promise<string> => {
    const { stdout } = await promisify(execFile)('bash', ['-e', '-c', here(block)], { cwd: folder });
    return stdout;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
    receiverPort = await freePort();
    const start = blocks('sh').find((block) => block.includes('HOOKLEDGER_ADMIN_KEY=')) ?? '';
    const settings = Array.from(start.matchAll(/(HOOKLEDGER_\w+)=(\S+)/g), ([, name = '', value = '']) => [name, value] as const);
    server = await startServer({ env: { HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: 'false', ...Object.fromEntries(settings) } });

    const [code = ''] = blocks('js file=receiver.mjs');
    writeFileSync(join(folder, 'receiver.mjs'), here(code));
    receiver = spawn(process.execPath, ['receiver.mjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    receiver.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await listens(receiverPort);
    printed = '';
  });
  afterAll(async () => {
    receiver.kill();
    await server.dispose();
    rmSync(folder, { recursive: true });
  });

  const listens = (port: number) =>
    eventually(
      () =>
        fetch(`http://127.0.0.1:${port}`).then(
          () => true,
          () => false,
        ),
      (answered) => answered,
    );

  it('runs as written', async () => {
    const tour = blocks('sh tour');
    expect(tour).toHaveLength(5);
    const [create = '', publish = '', see = '', story = '', refused = ''] = tour;

    expect(JSON.parse(await run(create))).toMatchObject({
      data: { createEndpoint: { name: 'My receiver', status: 'ENABLED', signature: 'WEBHOOK_SHA256' } },
    });

    const [shown] = /(?<=The receiver prints `).*(?=`\.)/.exec(readme) ?? [];
    const first = JSON.parse(await run(publish)) as { messages: { id: string; duplicate: boolean; destinations: number }[] };
    expect(first.messages).toMatchObject([{ duplicate: false, destinations: 1 }]);
    await eventually(
      () => printed,
      (text) => text.includes('\n'),
    ).catch(async (error: Error) => {
      throw new Error(`${error.message}\nIts deliveries: ${await run(see)}\nThe server's log:\n${server.logs.join('\n')}`, {
        cause: error,
      });
    });
    expect(printed).toBe(`signature valid: ${shown}\n`);
    expect(JSON.parse(await run(publish))).toMatchObject({ messages: [{ id: first.messages[0]?.id, duplicate: true }] });

    const seen = await eventually(
      () => run(see),
      (answer) => answer.includes('SUCCEEDED'),
    );
    expect(JSON.parse(seen)).toEqual({
      data: {
        endpoints: { nodes: [{ name: 'My receiver', successRate: { label: '100% (1/1)' } }] },
        deliveries: {
          nodes: [
            {
              status: 'SUCCEEDED',
              message: { eventType: 'meeting.ended' },
              attempts: [{ number: 1, responseCode: 204, durationMs: expect.any(Number), error: null }],
            },
          ],
        },
      },
    });

    const answer = JSON.parse(await run(story)) as { data: { messages: { nodes: { clientId: string; timeline: { text: string }[] }[] } } };
    expect(answer).not.toHaveProperty('errors');
    expect(answer.data.messages.nodes).toMatchObject([{ clientId: 'meeting-7-ended' }]);
    expect(answer.data.messages.nodes[0]?.timeline.length).toBeGreaterThanOrEqual(2);

    expect(JSON.parse(await run(refused))).toMatchObject({ status: 400, issues: [{ path: 'type' }, { path: 'data' }] });
  });

  it("sets up each of the five products' webhooks", async () => {
    const [create = ''] = blocks('sh create');
    const products = blocks('sh product');
    expect(products).toHaveLength(5);
    const made: unknown[] = [];
    for (const product of products) {
      const answers = (await run(`${create}\n${product}`)).trim().split('\n');
      made.push(answers.map((answer) => (JSON.parse(answer) as { data?: { createEndpoint: unknown } }).data?.createEndpoint ?? answer));
    }
    const endpoint = (name: string, format: string, signature: string) => ({ id: expect.any(String), name, format, signature });
    expect(made).toEqual([
      [endpoint('Alerts', 'ENVELOPE', 'WEBHOOK_SHA256'), endpoint('Alerts to Slack', 'SLACK', 'NONE')],
      [endpoint('Tickets', 'ARRAY', 'SIGNATURE_SHA256')],
      [endpoint('Monitoring', 'FLAT', 'NONE'), endpoint('On call', 'PAGERDUTY', 'NONE')],
      [endpoint('Recordings', 'ENVELOPE', 'WEBHOOK_SHA256')],
      [endpoint('Media events', 'ENVELOPE', 'NONE')],
    ]);
  });

  it('continues with the client package, which publishes and verifies', async () => {
    mkdirSync(join(folder, 'node_modules/@hookledger'), { recursive: true });
    symlinkSync(join(root, 'client'), join(folder, 'node_modules/@hookledger/client'));
    const port = await freePort();
    for (const file of ['publish.mjs', 'verify.mjs'])
      writeFileSync(join(folder, file), here(blocks(`js file=${file}`).join('')).replaceAll('4001', String(port)));

    const { stdout } = await promisify(execFile)(process.execPath, ['publish.mjs'], { cwd: folder });
    expect(stdout).toBe('It goes to 1 endpoint.\n');

    const verifier = spawn(process.execPath, ['verify.mjs'], { cwd: folder, stdio: 'ignore' });
    try {
      await listens(port);
      const body = '{"event":"meeting.started"}';
      const signature = `sha256=${createHmac('sha256', 'tour-secret-1').update(body).digest('hex')}`;
      const post = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers, body });
      expect((await post({ 'x-webhook-signature': signature })).status).toBe(204);
      expect((await post({ 'x-webhook-signature': signature.replace(/.$/, 'x') })).status).toBe(401);
      expect(await (await post({})).text()).toMatch(/x-webhook-signature is missing/);
    } finally {
      verifier.kill();
    }
  });
});

it("the README's table of settings is the list of `--help`", () => {
  const plain = (cell = '') => cell.replaceAll('`', '');
  const rows = Array.from(readme.matchAll(/^\| `(HOOKLEDGER_\w+)` +\| (\S+) +\| (.+?) +\|$/gm), ([, name, preset, meaning]) => [
    name,
    // `generated` and `none` have no default value either.
    preset === 'generated' || preset === 'none' ? 'unset' : plain(preset),
    plain(meaning),
  ]);
  expect(rows).toEqual(describeConfig().map((setting) => [setting.name, setting.default, setting.meaning]));
});

/** A page's headings as GitHub makes anchors of them. */
const anchorsOf = (page: string) =>
  Array.from(textOf(page).matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

it.each(pages)('%s: the targets of its links exist', (page) => {
  const targets = Array.from(textOf(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target).filter(
    (target) => !target.startsWith('http'),
  );
  const missing = targets.filter((target) => {
    const [path = '', anchor] = target.split('#', 2);
    const file = path === '' ? page : join(dirname(page), path);
    return !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor));
  });
  expect(missing).toEqual([]);
});

it.each(pages)('%s: the scripts and files that it names exist', (page) => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const named = Array.from(textOf(page).matchAll(/npm (?:run (?:--silent )?)?(start|test|(?<=run )[\w:-]+)/g), ([, name = '']) => name);
  expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  const files = Array.from(textOf(page).matchAll(/`((?:src|test|bench|docs)\/[\w./-]*)`/g), ([, file = '']) => file);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  const modules = Array.from(textOf(page).matchAll(/`([\w.-]+\.ts)`/g), ([, file = '']) => file);
  expect(modules.filter((file) => !sources.has(file))).toEqual([]);
});
