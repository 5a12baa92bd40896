// Measures the timeline of a message to a hundred endpoints, and a page of the history, over HTTP from a real log: `npm run bench:timeline [-- --json]`.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createEndpoint, startServer } from '../test/support/server.ts';

const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const endpoints = 100;
const asked = 20;
const targets: Record<string, number> = { timeline: 50, history: 20 };

const receiver = createServer((request, response) => request.resume().on('end', () => response.end('ok'))).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const server = await startServer();
try {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  for (let i = 0; i < endpoints; i++) await createEndpoint(server, { name: `Endpoint ${i}`, url, eventTypes: ['bench.told'] });
  const [message] = await server.publish({ type: 'bench.told', data: { a: 1 } });
  const balance = 'query { conservation { routed succeeded } }';
  for (;;) {
    const { conservation } = await server.graphql<{ conservation: { routed: number; succeeded: number } }>(balance, {});
    if (conservation.succeeded === endpoints) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const questions: Record<string, string> = {
    timeline: 'query ($id: ID!) { message(id: $id) { timeline { at text delivery { id } event { id type actor } } } }',
    history: 'query { history(first: 50, newestFirst: true) { nodes { position type actor data } } }',
  };
  const rows = [];
  for (const [name, question] of Object.entries(questions)) {
    const times: number[] = [];
    for (let i = 0; i < asked; i++) {
      const from = performance.now();
      await server.graphql(question, name === 'timeline' ? { id: message?.id } : {});
      times.push(performance.now() - from);
    }
    const ms = times.toSorted((a, b) => a - b)[asked / 2] ?? 0;
    rows.push({ name, ms, target: targets[name] ?? 0, met: ms < (targets[name] ?? 0) });
  }
  if (options.json) console.log(JSON.stringify({ endpoints, rows }));
  for (const { name, ms, target, met } of rows)
    if (!options.json)
      console.log(
        `${name.padEnd(10)} ${ms.toFixed(1).padStart(7)} ms, the median of ${asked}; target < ${target} ms ${met ? 'met' : 'MISSED'}`,
      );
} finally {
  await server.dispose();
  receiver.close();
}
