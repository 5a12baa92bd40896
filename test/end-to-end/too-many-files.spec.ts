// A process that may open no more files makes its attempts when it may again. None of them fails, as that is no fault of the endpoint.
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { startServer } from '../support/server.ts';

it('attempts wait while the process has too many files open, and none is recorded as failed', async () => {
  await using receiver = await startReceiver();
  const server = await startServer();
  try {
    const client = new Client(server);
    const limit = (files: number) => execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${files}:`]);
    const of = (host: string) => receiver.url.replace('127.0.0.1', host);
    const ids = [];
    for (const url of [of('127.0.0.1'), of('localhost'), of('127.0.0.1')])
      ids.push(await client.createEndpoint({ url, eventTypes: ['files'], retryPolicy: { delaysSeconds: [1] } }));
    const messages = await server.publish(Array.from({ length: 5 }, (_, n) => ({ type: 'files', data: { n } })));
    limit(10); // it has more open
    await pause(3_500);
    expect(receiver.requests).toEqual([]);
    limit(10_000);
    await receiver.received(15);
    for (const { id } of messages)
      for (const endpointId of ids) expect((await client.delivery(id, 'SUCCEEDED', endpointId)).attempts).toHaveLength(1);
    expect(receiver.requests).toHaveLength(15);
    const metrics = await (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.adminKey}` } })).text();
    expect(Number(/hookledger_attempts_postponed_total\{reason="EMFILE"\} (\d+)/.exec(metrics)?.[1])).toBeGreaterThanOrEqual(3);
    expect(server.logs.filter((line) => line.includes('Attempts are postponed'))).toHaveLength(1);
  } finally {
    await server.dispose();
  }
}, 40_000);
