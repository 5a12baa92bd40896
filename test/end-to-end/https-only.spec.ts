// HOOKLEDGER_ALLOW_HTTP=false counts for endpoints from before it was set, too.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { createEndpoint, startServer } from '../support/server.ts';

it('an http endpoint from before is not called any more, and its attempts say why', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'hookledger-'));
  await using receiver = await startReceiver();
  const before = await startServer({ dataDir });
  const url = `${receiver.url}/hook`;
  await createEndpoint(before, { name: 'Plain', url, retryPolicy: { delaysSeconds: [0] } });
  await before.stop();

  const server = await startServer({ dataDir, adminKey: before.adminKey, env: { HOOKLEDGER_ALLOW_HTTP: 'false' } });
  try {
    const client = new Client(server);
    const { attempts } = await client.delivery(await client.publish('some.thing'), 'FAILED');
    expect(attempts).toMatchObject([
      { number: 1, url, failure: 'BLOCKED_ADDRESS', error: expect.stringContaining('HOOKLEDGER_ALLOW_HTTP') },
    ]);
    expect(receiver.requests).toEqual([]);
    await expect(createEndpoint(server, { name: 'Another', url })).rejects.toThrow(/https/);
  } finally {
    await server.dispose();
    rmSync(dataDir, { recursive: true });
  }
});
