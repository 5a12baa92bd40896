// The first limit: one Node process that accepts the same requests, parses and signs them, POSTs them on, and stores nothing. It answers
// as soon as it has parsed, like a service whose log costs nothing.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { serve } from './processes.ts';
import { signAndSend } from './sending.ts';
import { envelope } from './workload.ts';

type Input = { type: string; timestamp?: string; data: unknown };
type Outgoing = { id: string; body: string };

const concurrency = 64;
const longestQueue = 2_000; // above this, answers wait until there is room

let pool: Pool;
let queue: Outgoing[] = [];
let taken = 0;
let active = 0;
let held: (() => void)[] = [];

const pump = () => {
  while (active < concurrency && taken < queue.length) {
    const next = queue[taken++];
    if (!next) break;
    active++;
    signAndSend(pool, '/ok', next.id, next.body, () => {
      active--;
      pump();
    });
  }
  if (taken === queue.length || taken > 10_000) {
    queue = queue.slice(taken);
    taken = 0;
  }
  if (held.length > 0 && queue.length - taken < longestQueue) for (const answer of held.splice(0)) answer();
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const parsed = JSON.parse(Buffer.concat(chunks).toString()) as Input | Input[];
    const messages = (Array.isArray(parsed) ? parsed : [parsed]).map(({ type, timestamp, data }) => {
      const id = randomUUID();
      queue.push({ id, body: envelope(type, timestamp ?? new Date().toISOString(), data) });
      return { id, duplicate: false, destinations: 1, position: '' };
    });
    const text = JSON.stringify({ messages });
    const answer = () =>
      response.writeHead(202, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
    if (queue.length - taken < longestQueue) answer();
    else held.push(answer);
    pump();
  });
});
server.keepAliveTimeout = 3_600_000;

const handlers = {
  async listen(receiver: string) {
    pool = new Pool(receiver, { connections: concurrency });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
};
export type PassThroughPart = typeof handlers;
serve(handlers);
