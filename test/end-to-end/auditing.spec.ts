// Runs the commands of docs/auditing.md: rebuilding the views under a running server, and building those of a past moment.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { builtServer, startServer, type Server } from '../support/server.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/auditing.md'), 'utf8');
const blocks = (info: string): string[] =>
  Array.from(page.matchAll(/^```(.*)\n([^]*?)^```$/gm))
    .filter(([, given]) => given === info)
    .map(([, , code = '']) => code);

describe.each(logKinds)('on $name,', ({ name, make }) => {
  let folder: string;
  let log: LogUnderTest;
  let server: Server;
  let client: Client;
  let receiver: Receiver;
  let moment: string;
  let port: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
    writeFileSync(join(folder, 'hookledger'), `#!/bin/sh\nexec "${process.execPath}" "${builtServer}" "$@"\n`);
    chmodSync(join(folder, 'hookledger'), 0o755);
    receiver = await startReceiver();
    log = await make();
    server = await startServer({ env: log.env });
    client = new Client(server);
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    ({ port } = probe.address() as AddressInfo);
    probe.close();
  });
  afterAll(async () => {
    await server.dispose();
    await receiver[Symbol.asyncDispose]();
    await log.discard();
    rmSync(folder, { recursive: true });
  });

  const settings = (): Record<string, string> => ({
    ...log.env,
    HOOKLEDGER_DATA_DIR: server.dataDir,
    HOOKLEDGER_LOG_LEVEL: 'info',
    HOOKLEDGER_ADMIN_KEY: server.adminKey,
  });
  const start = (block: string) =>
    spawn('bash', ['-e', '-c', block.replaceAll('3001', String(port)).replace(/^(?=\S+=\S+ hookledger serve)/, 'exec env ')], {
      cwd: folder,
      env: { ...process.env, ...settings(), MOMENT: moment, PATH: `${folder}${delimiter}${process.env['PATH']}` },
    });
  const run = async (block: string): Promise<{ code: number | null; out: string; err: string }> => {
    const child = start(block);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  };

  it('rebuilds and replaces the views under a running server', { timeout: 90_000 }, async () => {
    await client.createEndpoint({ name: 'then', url: receiver.url, eventTypes: ['audited.*'] });
    const before = await client.publish('audited.before', { n: 1 }, { id: 'the first' });
    await client.delivery(before, 'SUCCEEDED');
    const [, asJson = ''] = blocks('sh rebuild');
    const second = await run(asJson);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.out)).toMatchObject([
      { consumer: 'views', replaced: true, comparison: { different: [], tables: { messages: { old: 1, new: 1 } } } },
    ]);
    const files = readdirSync(join(server.dataDir, 'views'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\bviews@\d+(\.\d+)?\.db$/.test(file))).toEqual([expect.stringMatching(/views@\d+\.1\.db$/)]);
    await client.delivery(await client.publish('audited.before', { n: 2 }), 'SUCCEEDED'); // the live ones go on
  });

  // Once is enough: a server keeps tables that it reads open for two seconds.
  it.runIf(name === 'the embedded log')('reports it in plain text', { timeout: 90_000 }, async () => {
    const { out, ...ended } = await run(blocks('sh rebuild')[0] ?? '');
    expect(out).toMatch(/^Rebuilt views: \d+ events applied in [^]*The old tables matched the log\.\nThe new tables are now in use/);
    expect(ended).toEqual({ code: 0, err: '' });
    const plain = (text: string) => text.replaceAll(/\d[\d.,]*/g, 'N').replaceAll(/ +/g, ' ');
    const [, example = ''] = /^If you .* It reports what it found:\n\n```\n([^]*?)^```$/m.exec(page) ?? [];
    const lines = plain(example)
      .trim()
      .split('\n')
      .filter((line) => line.trim() !== '…');
    expect(lines.length).toBeGreaterThanOrEqual(6);
    expect(lines.filter((line) => !plain(out).includes(line))).toEqual([]);
  });

  it('shows the history on the command line, in pages and without secrets', { timeout: 90_000 }, async () => {
    const [both = ''] = blocks('sh history');
    const [plain = '', asJson = ''] = both.split('\n');
    const [told, json, page, ofMessage, noSuch] = await Promise.all([
      run(plain),
      run(asJson),
      runToEnd(['history', '--first', '2'], settings()),
      runToEnd(['history', '--message', 'the first', '--json'], settings()),
      runToEnd(['history', '--message', 'no such'], settings()),
    ]);
    expect(told).toMatchObject({ code: 0, err: '' });
    expect(told.out.split('\n')[0]).toMatch(/^\d{4}-\S+Z {2}[\da-f]{16,32} {2}\S+ +\S+ +\S+@\d+$/);
    const { events, next } = JSON.parse(json.out) as { events: { type: string; data: object }[]; next: string | null };
    expect(events).toMatchObject([{ type: 'endpoint.registered', actor: 'apikey:admin', data: { name: 'then' } }]);
    expect(next).toBeNull();
    const after = /More: --after (\S+)\n$/.exec(page.output)?.[1] ?? '';
    expect(page.output.split('\n')).toHaveLength(4);
    const rest = await runToEnd(['history', '--after', after, '--first', '1'], settings());
    expect(page.output).not.toContain(rest.output.split('\n')[0]);
    expect((JSON.parse(ofMessage.output) as { events: unknown[] }).events).toMatchObject([
      { type: 'message.accepted', data: { clientId: 'the first' } },
      { type: 'delivery.attempt-succeeded' },
    ]);
    expect(noSuch.output).toMatch(/^There is no message "no such"/);
  });

  it('builds the views of a past moment into a folder, and serves them read-only', { timeout: 90_000 }, async () => {
    moment = new Date().toISOString();
    await eventually(
      () => new Date().toISOString(),
      (now) => now > moment,
    );
    const endpoints = await client.query<{ nodes: { id: string }[] }>('{ endpoints { nodes { id } } }');
    const [id] = endpoints.nodes.map((each) => each.id);
    await client.query('mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { name } }', {
      id,
      input: { name: 'now' },
    });
    await client.delivery(await client.publish('audited.later', { n: 3 }), 'SUCCEEDED');

    const [build = ''] = blocks('sh past');
    const built = await run(build);
    expect(built.out).toMatch(
      /^\.\/past holds the views as of .*: \d+ events applied in .*, up to position [\da-f]+\.\nLook at them with: hookledger serve --read-only \.\/past\n$/,
    );
    expect(built.code).toBe(0);
    expect((await run(build)).err).toMatch(/\.\/past holds the views as of .* already; name another folder, or remove that one\./);

    const [serve = ''] = blocks('sh serve');
    const reading = start(serve);
    try {
      let said = '';
      reading.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await eventually(
        () => said,
        (text) => text.includes(`and shows what was at ${moment}`),
      );
      const [ask = ''] = blocks('sh ask');
      const answer = JSON.parse((await run(ask)).out) as { data: { conservation: { position: string } } };
      expect(answer).toMatchObject({
        data: {
          endpoints: { nodes: [{ name: 'then', url: receiver.url }] },
          deliveries: { nodes: Array.from({ length: 2 }, () => ({ status: 'SUCCEEDED', attempts: [{ number: 1, responseCode: 200 }] })) },
          conservation: { balanced: true },
        },
      });
      const there = new Client({ url: `http://127.0.0.1:${port}`, adminKey: server.adminKey } as Server);
      expect(
        await there.ask('{ messages { nodes { eventType data timeline { text } } } endpoints { nodes { successRate { label } } } }'),
      ).toMatchObject({
        data: {
          messages: { nodes: [{ eventType: 'audited.before', data: { n: 2 }, timeline: [{}, {}] }, { data: { n: 1 } }] },
          endpoints: { nodes: [{ successRate: { label: '100% (2/2)' } }] },
        },
      });
      const refused = await there.ask('mutation { deleteEndpoint(id: "x") }');
      expect(refused.errors?.[0]).toMatchObject({
        message: `This server only reads: it shows what was at ${moment}, and that can't be changed. Ask the one that delivers.`,
        extensions: { code: 'FORBIDDEN' },
      });
      expect((await there.post('/v1/messages', { type: 'audited.later', data: {} })).status).toBe(403);
      expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200);
    } finally {
      const ended = once(reading, 'close');
      reading.kill('SIGTERM');
      expect((await ended)[0]).toBe(0);
    }
  });

  const said = async (args: readonly string[], code: number, sentence: string, env: Record<string, string> = settings()) =>
    expect(await runToEnd(args, env)).toMatchObject({ code, output: expect.stringContaining(sentence) as string });

  it('says in a sentence that there is no log', { timeout: 90_000 }, async () => {
    const nowhere = { ...settings(), HOOKLEDGER_DATA_DIR: join(folder, 'nothing'), HOOKLEDGER_EVENTSTORE_PREFIX: 'nothing_' };
    await said(['rebuild'], 1, 'There is no log of Hookledger', nowhere);
  });

  // These look at what is given, whichever log it is.
  it.runIf(name === 'the embedded log')('says in a sentence what cannot be built or shown', { timeout: 90_000 }, async () => {
    const into = join(folder, 'other');
    const file = join(folder, 'hookledger');
    await Promise.all([
      said(['history', '--type', 'endpoint.nothing'], 2, 'There is no event "endpoint.nothing"; there are'),
      said(['rebuild', '--as-of', 'yesterday', '--into', into], 2, 'must be ISO 8601 with a time zone'),
      said(['rebuild', '--as-of', '2999-01-01T00:00:00Z', '--into', into], 2, 'has not come yet; give a moment of the past.'),
      said(
        ['rebuild', '--as-of', new Date().toISOString(), '--into', file],
        1,
        `The folder ${file} can't be made (it is a file). Name another`,
      ),
      said(['rebuild', '--as-of', moment], 2, '--as-of and --into go together'),
    ]);
    expect(existsSync(into)).toBe(false);
  });
});
