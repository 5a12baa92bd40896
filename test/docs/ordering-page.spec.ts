// docs/ordering.md is true: each example runs on a real server, and the receiver gets what it says.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { Client, eventually } from '../support/client.ts';
import { startReceiver } from '../support/receiver.ts';
import { startServer, type Server } from '../support/server.ts';

const page = readFileSync(new URL('../../docs/ordering.md', import.meta.url), 'utf8');
const examples = Array.from(page.matchAll(/^ *```json order\n([^]*?)^ *```$/gm), ([, json = '']): [string] => [json]);
const example = z.object({
  endpoint: z.record(z.string(), z.unknown()),
  publish: z.array(z.string()),
  fails: z.record(z.string(), z.number()),
  arrives: z.record(z.string(), z.array(z.string())),
});
const named = z.object({ data: z.object({ name: z.string() }) });

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.dispose());

it.each(examples)('%s', async (json) => {
  const { endpoint, publish, fails, arrives } = example.parse(JSON.parse(json));
  const receiver = await startReceiver();
  const client = new Client(server);
  const namesIn = (body: string) => {
    const parsed = z.union([named, z.array(named)]).parse(JSON.parse(body));
    return (Array.isArray(parsed) ? parsed : [parsed]).map(({ data }) => data.name);
  };
  const seen = new Map<string, number>();
  receiver.answer(({ body }) => {
    const names = namesIn(body);
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
    return { status: names.some((name) => (seen.get(name) ?? 0) <= (fails[name] ?? 0)) ? 500 : 200 };
  });
  const id = await client.createEndpoint({ url: receiver.url, retryPolicy: { delaysSeconds: [0, 0.1] }, ...endpoint });
  await server.publish(
    publish.map((name) => ({ type: 'a', data: { name }, ...(name.startsWith('-') ? {} : { orderingKey: name.charAt(0) }) })),
  );
  const arrived = () => {
    const names = receiver.requests.flatMap(({ body }) => namesIn(body));
    return 'all' in arrives ? { all: names } : Object.groupBy(names, (name) => name.charAt(0));
  };
  const all = Object.values(arrives).flat().length;
  await eventually(arrived, (keys) => Object.values(keys).flat().length >= all);
  expect(arrived()).toEqual(arrives);
  await client.act('deleteEndpoint', id);
  await receiver.close();
});

it('has all its examples of this kind', () => expect(examples.length).toBe(page.match(/^ *```json/gm)?.length));
