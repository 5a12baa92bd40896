// Rotating keys from outside: the master key beside a running replica, and on an embedded log while processes are killed; a data key online.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { runToEnd } from '../support/process.ts';
import { builtServer, startServer, type Server } from '../support/server.ts';

const newMasterKey = () => randomBytes(32).toString('base64');
const endpointInput = (name: string) => ({
  name,
  url: 'http://127.0.0.1:9/',
  eventTypes: ['never.sent'],
  secret: `secret of ${name}`,
  headers: [{ name: 'x-requested-with', value: `header of ${name}` }],
});
type Endpoints = {
  endpoints: { nodes: { name: string; secret: string; headers: { value: string }[] }[] };
  organization: { signingKey: string };
};
const secrets = async (server: Server, key = server.adminKey) => {
  const client = new Client(server, key);
  const organization = await client.query<Endpoints['organization']>('{ organization { signingKey } }');
  const endpoints = await client.query<Endpoints['endpoints']>('{ endpoints { nodes { name secret headers { value } } } }');
  return { ...organization, endpoints: endpoints.nodes.map(({ name, secret, headers }) => [name, secret, headers[0]?.value]) };
};
const secretsOf = (name: string) => [name, `secret of ${name}`, `header of ${name}`];

it('the master key is rotated beside a running replica, and the next start needs only the new one', { timeout: 120_000 }, async () => {
  const double = await LogServerDouble.start();
  const [old, fresh] = [newMasterKey(), newMasterKey()];
  const log = { HOOKLEDGER_EVENTSTORE_URL: double.url(), HOOKLEDGER_EVENTSTORE_PREFIX: 'rotated_' };
  const server = await startServer({ env: { ...log, HOOKLEDGER_MASTER_KEY: old } });
  const client = new Client(server);
  await client.createEndpoint(endpointInput('a'));
  const before = await secrets(server);
  const rotate = { ...log, HOOKLEDGER_DATA_DIR: '/nowhere', HOOKLEDGER_MASTER_KEY: fresh };
  expect(await runToEnd(['rotate-master-key'], rotate)).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^A secret can't be decrypted/),
  });
  const both = { ...rotate, HOOKLEDGER_MASTER_KEY_PREVIOUS: old };
  expect(await runToEnd(['rotate-master-key'], both)).toEqual({
    code: 0,
    output:
      'Re-wrapped the keys of 1 of 1 organizations and the key of the seals.\n' +
      'All keys are wrapped by the current master key: nothing needs HOOKLEDGER_MASTER_KEY_PREVIOUS any more.\n',
  });
  expect(await secrets(server)).toEqual(before);
  await client.createEndpoint(endpointInput('b'));
  await server.dispose();

  const next = await startServer({ adminKey: server.adminKey, env: { ...log, HOOKLEDGER_MASTER_KEY: fresh } });
  expect(await secrets(next)).toEqual({ ...before, endpoints: [secretsOf('b'), secretsOf('a')] });
  await next.dispose();
  await double.stop();
});

it('processes that are killed while they rotate keys lose nothing', { timeout: 180_000 }, async () => {
  const keys = Array.from({ length: 4 }, newMasterKey);
  const server = await startServer({ env: { HOOKLEDGER_MASTER_KEY: keys[0] ?? '' } });
  const { dataDir, adminKey } = server;
  const client = new Client(server);
  await client.createEndpoint(endpointInput('a'));
  const { signingKey } = await secrets(server);
  await client.query('mutation { rotateEncryptionKey { id } }');
  await client.createEndpoint(endpointInput('b'));
  const inUse = await runToEnd(['rotate-data-key'], { HOOKLEDGER_DATA_DIR: dataDir });
  expect(inUse).toMatchObject({ code: 1, output: expect.stringMatching(/is in use by another process/) });
  await server.kill9();

  for (const [i, key] of keys.slice(1, -1).entries()) {
    const env = { HOOKLEDGER_DATA_DIR: dataDir, HOOKLEDGER_MASTER_KEY: key, HOOKLEDGER_MASTER_KEY_PREVIOUS: keys[i] ?? '' };
    for (const command of ['rotate-master-key', 'rotate-data-key']) {
      const killed = spawn(process.execPath, [builtServer, command], { stdio: 'ignore', env: { ...process.env, ...env } });
      await delay(250 + 300 * i);
      killed.kill('SIGKILL');
      if (killed.exitCode === null && killed.signalCode === null) await once(killed, 'exit');
    }
    expect(await runToEnd(['rotate-master-key'], env)).toMatchObject({ code: 0 });
    expect(await runToEnd(['rotate-data-key'], env)).toMatchObject({ code: 0 });
  }

  // A server with the embedded log re-wraps at its start.
  const [previous = '', last = ''] = keys.slice(-2);
  const moving = await startServer({ dataDir, adminKey, env: { HOOKLEDGER_MASTER_KEY: last, HOOKLEDGER_MASTER_KEY_PREVIOUS: previous } });
  expect(moving.logs.join('\n')).toContain('HOOKLEDGER_MASTER_KEY_PREVIOUS can be unset');
  await new Client(moving).createEndpoint(endpointInput('c'));
  await moving.kill9();
  const after = await startServer({ dataDir, adminKey, env: { HOOKLEDGER_MASTER_KEY: last } });
  expect(await secrets(after)).toEqual({ signingKey, endpoints: ['c', 'b', 'a'].map(secretsOf) });
  await after.stop();
  const verified = await runToEnd(['verify', '--data-dir', dataDir], { HOOKLEDGER_MASTER_KEY: last });
  expect(verified.output).not.toContain('WRONG');
  expect(verified.code).toBe(0);
  await server.dispose();
});
