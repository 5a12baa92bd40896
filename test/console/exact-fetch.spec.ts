// Numbers of payloads between the console and the API.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseJson } from '../../src/domain/exact-number.ts';
import { makeClient } from '../../console/src/api/client.ts';

const exact = '{"id":9007199254740993,"rate":0.12345678901234567890,"big":1e400}';
let asked = '';
const server = createServer((request, response) => {
  asked = '';
  request.on('data', (chunk: Buffer) => (asked += chunk.toString()));
  request.on('end', () => response.setHeader('content-type', 'application/json').end(`{"data":{"message":{"data":${exact}}}}`));
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

it('come and go with all their digits', async () => {
  const { port } = server.address() as AddressInfo;
  const client = makeClient(() => undefined, `http://127.0.0.1:${port}/graphql`);
  const { data } = await client.query('query ($data: JSON) { message(data: $data) { data } }', { data: parseJson(exact) }).toPromise();
  expect(JSON.stringify(data.message.data)).toBe(exact);
  expect(asked).toContain(`"variables":{"data":${exact}}`);
});

it('say that the server did not answer where it answers something else', async () => {
  const client = makeClient(() => undefined, 'http://127.0.0.1:1/graphql');
  const { error } = await client.query('{ me { name } }', {}).toPromise();
  expect(error?.networkError).toBeInstanceOf(Error);
});
