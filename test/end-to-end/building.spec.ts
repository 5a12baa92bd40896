// Views that are built from a long log at a start: no query is answered from half of them, readiness says so, and messages are accepted meanwhile.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { conservation, createEndpoint, Refused, startServer, type Server } from '../support/server.ts';

const messages = 20_000;
const perRequest = 1_000;

let server: Server;
beforeAll(async () => {
  server = await startServer();
  await createEndpoint(server, { name: 'Later', url: 'http://127.0.0.1:9/', retryPolicy: { delaysSeconds: [3_600] } });
  for (let n = 0; n < messages; n += perRequest)
    await server.publish(Array.from({ length: perRequest }, (_, i) => ({ type: 'build.on', data: { n: n + i } })));
  await server.stop();
  rmSync(join(server.dataDir, 'views'), { recursive: true });
});
afterAll(() => server.dispose());

/** Asks until it is answered with anything but 503. */
const answer = async <T>(ask: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 503) throw error;
    }
  }
};

type Ready = { readonly details: { readonly views?: { readonly error?: string } } };

it('answers queries once the views hold all that the log held, and says how far they are until then', async () => {
  await server.start();
  const client = new Client(server);
  const asked = answer(() => conservation(server));
  const [published] = await server.publish({ type: 'build.on', data: {} });
  expect(published?.destinations).toBe(1);
  const states: string[] = [];
  for (let isReady = false; !isReady;) {
    const response = await client.get('/health/ready');
    isReady = response.status === 200;
    const { details } = (await response.json()) as Ready;
    states.push(`${response.status} ${details.views?.error?.replace(/ \d+ %.*/, '') ?? ''}`);
  }
  const once = await conservation(server);
  for (const { routed } of [await asked, once]) expect(routed).toBeGreaterThanOrEqual(messages);
  expect(states).toContain('503 The views are being built from the log:');
});
