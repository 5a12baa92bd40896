// docs/auditing.md is true: its commands run as written, next to a server that has delivered, retried and sealed.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startReceiver } from '../support/receiver.ts';
import { builtServer, conservation, startServer, type Server } from '../support/server.ts';
import { linesOf, writeLines } from '../support/sealed-log.ts';

const page = readFileSync(new URL('../../docs/auditing.md', import.meta.url), 'utf8');
const commands = Array.from(page.matchAll(/^```sh audit\n([^]*?)^```$/gm), ([, code = '']) => code);
const named = (part: string): string => commands.find((code) => code.includes(part)) ?? `${part} is not on the page`;

let folder: string;
let server: Server;
let publicKey: string;
const run = async (code: string): Promise<string> => {
  const env = {
    ...process.env,
    HOOKLEDGER_DATA_DIR: server.dataDir,
    PUBLIC_KEY: publicKey,
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
  };
  return (await promisify(execFile)('bash', ['-e', '-c', code], { cwd: folder, env })).stdout;
};

type Sealing = { details: { sealer: { lagEvents: number; position?: string } } };

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  mkdirSync(join(folder, 'bin'));
  const program = join(folder, 'bin', 'hookledger');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${builtServer}" "$@"\n`);
  chmodSync(program, 0o755);
  await using receiver = await startReceiver();
  receiver.answer(({ headers, body }) => ({ status: body.includes('"bad":true') && headers['webhook-attempt'] === '1' ? 500 : 200 }));
  server = await startServer({ env: { HOOKLEDGER_SEAL_SECONDS: '1', HOOKLEDGER_SEAL_EVENTS: '25' } });
  const client = new Client(server);
  const retryPolicy = { delaysSeconds: [0, 0, 0] };
  await client.createEndpoint({ url: receiver.url, eventTypes: ['*'], retryPolicy });
  await client.createEndpoint({
    url: `${receiver.url}/batch`,
    eventTypes: ['audited.*'],
    batch: { maxSize: 4, maxWaitMs: 50 },
    retryPolicy,
  });
  await server.publish(Array.from({ length: 40 }, (_, n) => ({ id: `a-${n}`, type: 'audited.now', data: { n, bad: n % 9 === 0 } })));
  await eventually(
    () => conservation(server),
    ({ routed, open }) => routed === 80 && open === 0,
  );
  await eventually(
    async () => ((await (await new Client(server).get('/health/ready')).json()) as Sealing).details.sealer,
    ({ position, lagEvents }) => position !== undefined && lagEvents < 25,
  );
  publicKey = /whpk_[\w+/=]+/.exec(server.logs.join('\n'))?.[0] ?? '';
}, 60_000);
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true });
});

it('verify, export and import run as written, while the server runs', { timeout: 120_000 }, async () => {
  const found = await run(named('hookledger verify\n'));
  expect(found).not.toContain('WRONG');
  for (const check of ['decodes', 'revisions', 'ids', 'routing', 'states', 'conservation', 'seals', 'views'])
    expect(found).toMatch(new RegExp(`^${check} .* [1-9][\\d,]* +ok$`, 'm'));
  expect(found).toContain(`The seals' key is ${publicKey}.`);
  expect(found).toMatch(/Deliveries: 80 routed = 80 succeeded/);

  const [, example = ''] = /^```\n([^`]*decodes[^`]*)^```$/m.exec(page) ?? [];
  const checks = Array.from(example.matchAll(/^(\w+) +(\S.*?) {2,}[\d,]+ +ok$/gm), ([, check = '', meaning = '']) => `${check} ${meaning}`);
  expect(checks).toHaveLength(8);
  expect(checks.filter((check) => !found.replaceAll(/ +/g, ' ').includes(`\n${check} `))).toEqual([]);

  const since = JSON.parse(await run(named('--since'))) as { ok: boolean; events: number };
  expect(since).toMatchObject({ ok: true });

  expect(await run(named('hookledger export'))).toMatch(
    /^Exported [\d,]+ events to log.ndjson.gz, up to position \d+\.\nVerify it anywhere: hookledger verify --file/,
  );
  const [head = '', first = ''] = (await run(named('gunzip'))).split('\n');
  expect(JSON.parse(head)).toMatchObject({ hookledger: 'export', publicKey });
  expect(JSON.parse(first)).toMatchObject({ event: { stream: 'organization-default', revision: 0 } });
  expect(await run(named('--file'))).toMatch(/none was changed, removed, added or moved\.\nIts \d+ seals are valid, signed with whpk_/);

  expect(await run(named('hookledger import'))).toMatch(/^Imported ([\d,]+) events into .*restored\. It now has \1, compared/);
  expect(await run(named('verify --data-dir ./restored'))).not.toContain('WRONG');
});

it('tampering gives exit code 1 and the name of the event; a wrong call gives 2 and a sentence', { timeout: 120_000 }, async () => {
  const file = join(folder, 'log.ndjson.gz');
  writeLines(
    file.replace('log.', 'tampered.'),
    linesOf(file).map((line) => line.replace('"n":7,', '"n":8,')),
  );
  const settings = { HOOKLEDGER_DATA_DIR: server.dataDir };
  const tampered = await runToEnd(['verify', '--file', file.replace('log.', 'tampered.'), '--key', publicKey]);
  expect(tampered).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^The event at position \d+ \(message.accepted in message-.*\) was changed/),
  });
  const calls: (readonly [readonly string[], number, RegExp])[] = [
    [['verify', '--file', file], 2, /^--key must be the public key/],
    [['verify', '--file', file, '--key', 'nonsense'], 2, /^--key is not a public key: it must begin with whpk_/],
    [['verify', '--since', '12'], 2, /^--since 12 is not a position of this log, which ends at \d{16}/],
    [['verify', '--since', '000000000000000a'], 2, /is not a position of this log/],
    [['verify', '--data-dir', join(folder, 'nowhere')], 1, /^There is no log of Hookledger in/],
    [['export', file], 1, /exists already/],
    [['import', file], 1, /is in use by another process/],
    [['verify', '--nonsense'], 2, /unknown option/],
  ];
  for (const [args, code, sentence] of calls)
    expect(await runToEnd(args, settings)).toMatchObject({ code, output: expect.stringMatching(sentence) });
  for (const command of ['verify', 'export', 'import']) expect((await runToEnd([command, '--help'])).output).toMatch(/--json[^]*Examples:/);
});
