// `hookledger load`: the catalogs under examples/ at a running server, and what is said where they can't be loaded.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../support/client.ts';
import { runToEnd } from '../support/process.ts';
import { startServer, type Server } from '../support/server.ts';

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());

const examples = new URL('../../examples/', import.meta.url);
const load = (...args: string[]) => runToEnd(['load', ...args], { HOOKLEDGER_ADMIN_KEY: server.adminKey });

describe.each(readdirSync(examples).filter((name) => name.endsWith('.json')))('examples/%s', (name) => {
  const file = new URL(name, examples);
  type Type = { name: string; group: string; description: string; sample: unknown };
  const { eventTypes } = JSON.parse(readFileSync(file, 'utf8')) as { eventTypes: Type[] };

  it('defines its event types with group, description and sample, and changes nothing the second time', async () => {
    expect(await load(file.pathname, '--url', server.url)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Defined \d+ event types from /),
    });
    const defined = await client.query<Type[]>('{ eventTypes { name group description sample } }');
    expect(defined).toEqual(expect.arrayContaining(eventTypes));
    expect((await load(file.pathname, '--url', server.url)).code).toBe(0);
  });
});

it('takes the key from the file that a variable names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hookledger-'));
  writeFileSync(join(folder, 'key'), `${server.adminKey}\n`);
  const catalog = new URL('scalelite.json', examples).pathname;
  const { code } = await runToEnd(['load', catalog, '--url', server.url], { HOOKLEDGER_ADMIN_KEY_FILE: join(folder, 'key') });
  rmSync(folder, { recursive: true });
  expect(code).toBe(0);
});

it('an endpoint is told which of its event types are not defined', async () => {
  await load(new URL('scalelite.json', examples).pathname, '--url', server.url);
  const id = await client.createEndpoint({
    url: 'https://example.com/',
    eventTypes: ['alerts', 'meeting.*', 'alert.created', 'alrets', 'x.*'],
  });
  expect(await client.query('query ($id: ID!) { endpoint(id: $id) { undefinedEventTypes } }', { id })).toEqual({
    undefinedEventTypes: ['alrets', 'x.*'],
  });
});

it.each([
  [['/nowhere.json'], /^\/nowhere\.json can't be read/],
  [[new URL('../../package.json', import.meta.url).pathname], /is not a catalog: eventTypes/],
  [
    [new URL('scalelite.json', examples).pathname, '--url', 'http://127.0.0.1:9'],
    /No Hookledger answers at http:\/\/127\.0\.0\.1:9; start it/,
  ],
  [[new URL('scalelite.json', examples).pathname, '--url', 'nonsense'], /"nonsense" is not a URL/],
])('says in a sentence what is wrong with %j', async (args, sentence) => {
  const { code, output } = await load(...args);
  expect(code).toBe(1);
  expect(output).toMatch(sentence);
  expect(output).not.toMatch(/^\s+at /m);
});
