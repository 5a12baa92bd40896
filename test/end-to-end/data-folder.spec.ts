// The data folder from outside: who may open its files, and what ends a start that can't have it.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runToEnd } from '../support/process.ts';
import { startServer, type Server } from '../support/server.ts';

let dataDir: string;
beforeEach(() => void (dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'))));
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const fatal = (output: string): string => {
  expect(output).not.toContain('"stack"');
  return (JSON.parse(output.trim().split('\n').at(-1) ?? '') as { msg: string }).msg;
};

const openToOthers = (): readonly string[] =>
  [dataDir, ...readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).map((name) => join(dataDir, name))].filter(
    (path) => (statSync(path).mode & 0o077) !== 0,
  );

const mentions = (server: Server, text: string) => server.logs.filter((line) => line.includes(text));

it.skipIf(process.platform === 'win32')('is made for its owner only, and made so again where it was open', async () => {
  rmSync(dataDir, { recursive: true });
  const server = await startServer({ dataDir: join(dataDir, 'below') });
  try {
    const files = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).map((name) => name.split('/').at(-1));
    expect(files).toEqual(expect.arrayContaining(['log.db', 'log.db-wal', 'lock.db', 'master.key', 'views']));
    expect(openToOthers()).toEqual([]);
    await server.stop();

    for (const name of ['', 'log.db', 'master.key', 'views']) chmodSync(join(server.dataDir, name), 0o755);
    await server.start();
    expect(openToOthers()).toEqual([]);
    expect(mentions(server, 'It is private now')).toEqual([expect.stringContaining('and 1 more')]);
  } finally {
    await server.dispose();
  }
});

it.runIf(process.platform === 'linux').each(['/proc/hookledger/data', '/dev/null/data'])(
  '%s can not be made, which ends the start within 5 s and with a sentence',
  async (folder) => {
    const began = Date.now();
    const { code, output } = await runToEnd([], { HOOKLEDGER_DATA_DIR: folder, HOOKLEDGER_PORT: '0' });
    expect(code).toBe(1);
    expect(fatal(output)).toMatch(new RegExp(`^The folder ${folder} can't be made \\(.*\\)\\. Name another`));
    expect(Date.now() - began).toBeLessThan(5_000);
  },
);

it('without the master key of its log ends the start, and no other key is made', async () => {
  const server = await startServer({ dataDir });
  await server.stop();
  const key = join(dataDir, 'master.key');
  rmSync(key);
  const { code, output } = await runToEnd([], { HOOKLEDGER_DATA_DIR: dataDir, HOOKLEDGER_PORT: '0' });
  expect(code).toBe(1);
  expect(fatal(output)).toMatch(/there is no master key in .*master\.key\. Put back the one .*HOOKLEDGER_MASTER_KEY/);
  expect(readdirSync(dataDir)).not.toContain('master.key');
});

it('a setting comes from the file that a variable names', async () => {
  const adminKey = 'key-from-a-file-0123456789';
  writeFileSync(join(dataDir, 'admin-key'), `${adminKey}\n`);
  const env = { HOOKLEDGER_ADMIN_KEY: '', HOOKLEDGER_ADMIN_KEY_FILE: join(dataDir, 'admin-key'), HOOKLEDGER_SERVICE_HOST: '10.0.0.1' };
  const server = await startServer({ dataDir: join(dataDir, 'data'), adminKey, env });
  try {
    expect(await server.graphql('{ organization { id } }')).toEqual({ organization: { id: 'default' } });
    expect(mentions(server, 'Ignored HOOKLEDGER_SERVICE_HOST: Kubernetes')).toHaveLength(1);
  } finally {
    await server.dispose();
  }
  const { code, output } = await runToEnd([], { HOOKLEDGER_ADMIN_KEY_FILE: join(dataDir, 'none') });
  expect({ code, output }).toEqual({
    code: 2,
    output: `HOOKLEDGER_ADMIN_KEY_FILE names the file ${join(dataDir, 'none')}, which can't be read (ENOENT).\n`,
  });
});
