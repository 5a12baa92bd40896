// Many endpoints that never answer, beside one that does: the process has fewer places for requests than they would take.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
let dead: Receiver;
let healthy: Receiver;
beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_CONCURRENCY: '64' } });
  client = new Client(server);
  [dead, healthy] = [await startReceiver(), await startReceiver()];
  await client.createEndpoint({ url: healthy.url, eventTypes: ['healthy'] });
  await server.publish({ type: 'healthy', data: {} });
  await healthy.received(1);
});
afterAll(async () => {
  await server.dispose();
  await Promise.all([dead.close(), healthy.close()]);
});

it.each(['hang', 'drip'] as const)('endpoints that %s delay nobody else, however many they are', async (how) => {
  dead.answer(how);
  const url = `${dead.url}/${how}`;
  await Promise.all(
    Array.from({ length: 60 }, () =>
      client.createEndpoint({ url, eventTypes: [`dead.${how}`], timeoutSeconds: 20, retryPolicy: { delaysSeconds: [0] } }),
    ),
  );
  const before = healthy.requests.length;
  await server.publish(Array.from({ length: 20 }, (_, n) => ({ type: `dead.${how}`, data: { n } })));
  await dead.received(30);
  const waits: number[] = [];
  for (let i = 1; i <= 30; i++) {
    const published = performance.now();
    await server.publish({ type: 'healthy', data: { i } });
    await healthy.received(before + i);
    waits.push(performance.now() - published);
  }
  expect(Math.max(...waits)).toBeLessThan(8_000); // what is held up waits for the timeout of 20 s
});
