// Starting: what is refused, how it is said, and with which exit code.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeConfig } from '../../src/config.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { masterKeyIn } from '../../src/secrets/master-key.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { Client } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let empty: string;
beforeAll(async () => {
  empty = mkdtempSync(join(tmpdir(), 'hookledger-'));
  server = await startServer({ dataDir: await oldLog() });
});
afterAll(async () => {
  await server.dispose();
  for (const folder of [server.dataDir, empty]) rmSync(folder, { recursive: true, force: true });
});

/** A data folder as the first version left it: an organization, and nothing else. */
const oldLog = async (): Promise<string> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
  const encryptionKey = new Vault(masterKeyIn(dataDir)).newKey('organization-default');
  const store = await SqliteEventStore.open({ directory: dataDir });
  const event = { type: 'organization.registered', data: { name: 'Default', encryptionKey } } as const;
  const events = [{ ...event, id: randomUUID(), metadata: { actor: 'system:setup' } }];
  await store.append([{ stream: 'organization-default', expectedRevision: 'no-stream', events }]);
  await store.close();
  return dataDir;
};

/** One line that a person reads, and no stack. */
const sentence = (output: string): string => {
  expect(output).not.toMatch(/^\s+at |"stack"/m);
  const [line = '', ...more] = output.trim().split('\n');
  expect(more).toEqual([]);
  return (JSON.parse(line) as { msg: string }).msg;
};

it.runIf(process.platform === 'linux')('what bounds its memory is set however it is started, in the process that was started', () => {
  const of = (what: string) => readFileSync(`/proc/${server.pid}/${what}`, 'utf8').split('\0');
  expect(of('cmdline')).toContain('--max-semi-space-size=16');
  expect(of('environ')).toContain('MALLOC_ARENA_MAX=2');
});

it('a command that there is not ends with a sentence, and starts nothing', async () =>
  expect(await runToEnd(['frobnicate'], { HOOKLEDGER_DATA_DIR: empty })).toEqual({
    code: 2,
    output: 'There is no command "frobnicate"; `hookledger --help` lists the commands.\n',
  }));

it('a second process on one data folder ends with a sentence', async () => {
  const { code, output } = await runToEnd([], { HOOKLEDGER_DATA_DIR: server.dataDir, HOOKLEDGER_PORT: '0' });
  expect(code).toBe(1);
  expect(sentence(output)).toMatch(/data folder/);
  expect(sentence(output)).toContain(server.dataDir);
});

it.each([
  [
    'a port that is in use',
    () => ({ HOOKLEDGER_PORT: new URL(server.url).port }),
    /^Port \d+ of 127\.0\.0\.1 is in use\. .*HOOKLEDGER_PORT/,
  ],
  [
    'a host that is not known',
    () => ({ HOOKLEDGER_HOST: `${'a'.repeat(64)}.example` }),
    /^The host a+\.example is unknown\. .*HOOKLEDGER_HOST/,
  ],
] as const)('%s is named in a sentence that says what to do', async (_, settings, expected) => {
  const { code, output } = await runToEnd([], { HOOKLEDGER_PORT: '0', HOOKLEDGER_DATA_DIR: empty, ...settings() });
  expect(code).toBe(1);
  expect(output).not.toContain('stack');
  expect((JSON.parse(output.trim().split('\n').at(-1) ?? '') as { msg: string }).msg).toMatch(expected);
});

it('another master key than the one that the secrets are encrypted under is refused', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
  const made = await startServer({ dataDir });
  await made.stop();
  const { code, output } = await runToEnd([], {
    HOOKLEDGER_DATA_DIR: dataDir,
    HOOKLEDGER_PORT: '0',
    HOOKLEDGER_MASTER_KEY: randomBytes(32).toString('base64'),
  });
  rmSync(dataDir, { recursive: true });
  expect(code).toBe(1);
  expect(sentence(output)).toMatch(/master key/);
});

it('a log from before organizations had a signing key is given one', async () => {
  const { organization } = await server.graphql<{ organization: { signingKey: string } }>('{ organization { signingKey } }');
  expect(organization.signingKey).toMatch(/^whsec_/);
});

it('the built server has its console and its documentation', async () => {
  const page = await (await fetch(server.url, { headers: { accept: 'text/html' } })).text();
  expect(page).toMatch(/<script [^>]*src="\/assets\//);
  expect(await (await fetch(`${server.url}/docs/operations.md`)).text()).toMatch(/^# Operations$/m);
});

it('a configuration that cannot be read ends it with 2 and a sentence per mistake', async () => {
  const { code, output } = await runToEnd([], {
    HOOKLEDGER_PORT: 'eighty',
    HOOKLEDGER_MASTER_KEY: 'short',
    HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: '10.0.0.0/8,everywhere',
    HOOKLEDGER_COLOUR: 'red',
    HOOKLEDGER_CA_FILE: import.meta.filename,
  });
  expect(code).toBe(2);
  const lines = output.trim().split('\n');
  expect(lines).toHaveLength(5);
  for (const name of ['PORT', 'MASTER_KEY', 'ALLOW_PRIVATE_NETWORKS', 'COLOUR', 'CA_FILE'])
    expect(lines.filter((line) => line.startsWith(`HOOKLEDGER_${name} `) && line.endsWith('.'))).toHaveLength(1);
});

it('an unknown option ends it with 2', async () => {
  expect((await runToEnd(['--colour'])).code).toBe(2);
});

it('--help lists every setting with its default, and says so without a data folder', async () => {
  const { code, output } = await runToEnd(['--help']);
  expect(code).toBe(0);
  for (const { name, default: preset, meaning } of describeConfig())
    expect(output).toContain(`  ${name}\n      ${meaning}\n      Default: ${preset}\n`);
});

it('without a configured admin key, one is printed at the first start and not at the second; the signing key stays', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
  const own = await startServer({ dataDir, env: { HOOKLEDGER_ADMIN_KEY: '' } });
  const printed = own.logs.join('\n').match(/hlk_[\w-]{43}/g) ?? [];
  expect(printed).toHaveLength(1);
  const client = new Client(own, printed[0]);
  expect((await client.post('/v1/messages', { type: 'a.b', data: {} })).status).toBe(202);
  const signingKey = await client.query('{ organization { signingKey } }');
  own.logs.length = 0;
  await own.restart();
  expect(own.logs.join('\n')).not.toContain('hlk_');
  expect(await client.query('{ organization { signingKey } }')).toEqual(signingKey);
  await own.dispose();
  rmSync(dataDir, { recursive: true });
});
