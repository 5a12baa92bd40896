// docs/organizations.md is true: its story runs on a real server, and each answer contains what the page says.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client, eventually } from '../support/client.ts';
import { startServer, type Server } from '../support/server.ts';

const page = readFileSync(new URL('../../docs/organizations.md', import.meta.url), 'utf8');
const blocks = Array.from(page.matchAll(/^```(graphql|http|json) organizations\n([^]*?)^```$/gm), ([, kind = '', content = '']) => ({
  kind,
  content,
}));

let server: Server;
let client: Client;
beforeAll(async () => {
  server = await startServer();
  client = new Client(server);
});
afterAll(() => server.dispose());

const send = async ({ kind, content }: { kind: string; content: string }): Promise<unknown> => {
  if (kind === 'graphql') return (await client.ask(content)).data;
  const [head = '', ...body] = content.split('\n');
  const [, path = ''] = /^POST (\S+)$/.exec(head) ?? [];
  return (await client.post(path, body.join('\n'))).json();
};

it('tells its story', async () => {
  for (let n = 0; n < blocks.length; n += 2) {
    const [request, answer] = [blocks[n], blocks[n + 1]];
    if (!request || answer?.kind !== 'json') throw new Error(`Block ${n} has no answer.`);
    expect(await send(request)).toMatchObject(JSON.parse(answer.content) as object);
  }
});

it('has all its examples of this kind', () => {
  expect(blocks.length).toBe(page.match(/^```\w/gm)?.length);
  expect(blocks.length).toBeGreaterThan(12);
});

it('counts what was accepted', async () => {
  const usage = '{ organization(id: "cust_4711") { usage { messagesLastDay } } }';
  await eventually(
    () => client.query<{ usage: { messagesLastDay: number } }>(usage),
    (found) => found.usage.messagesLastDay === 2,
  );
});
