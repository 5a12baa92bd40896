// TLS through the running server: a private authority is trusted where it is configured, and what is wrong with a certificate is told.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { startReceiver, type Certificate } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startServer({ env: { HOOKLEDGER_CA_FILE: fileURLToPath(new URL('../fixtures/tls/ca.cert.pem', import.meta.url)) } });
  client = new Client(server);
});
afterAll(() => server.dispose());

/** The one attempt at a receiver with that certificate. */
const attempt = async (tls: Certificate, status: string) => {
  await using receiver = await startReceiver({ tls });
  const endpointId = await client.createEndpoint({ url: receiver.url, eventTypes: [tls], retryPolicy: { delaysSeconds: [0] } });
  const { attempts } = await client.delivery(await client.publish(tls), status, endpointId);
  return { received: receiver.requests.length, ...attempts[0] };
};

it('a certificate of the private authority is taken', async () =>
  expect(await attempt('valid', 'SUCCEEDED')).toMatchObject({ received: 1, responseCode: 200, failure: null, error: null }));

it.each<[Certificate, RegExp]>([
  ['self-signed', /^No secure connection to 127\.0\.0\.1:\d+: its certificate is self-signed; .*\.$/],
  ['expired', /its certificate has expired; renew it\.$/],
  ['wrong-host', /its certificate is for another host name; .*other\.example/],
])('one that is %s is not, and nothing is sent', async (tls, error) =>
  expect(await attempt(tls, 'FAILED')).toMatchObject({
    received: 0,
    responseCode: null,
    failure: 'TLS',
    error: expect.stringMatching(error),
  }),
);
