// The bench's receiver: bare node:http. It answers at once (`/ok…` with 200, `/fail…` with 500), or after five
// seconds (`/slow…`), and counts.
// It reads the sending time from every body, and checks one signature in a thousand.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from './processes.ts';
import { clock, clockDigits, sentAtKey, signatureOf } from './workload.ts';

export type Received = {
  /** All figures count from the last reset. */
  delivered: number;
  failed: number;
  seconds: number;
  latencyMs: { p50: number; p95: number; p99: number; max: number };
  signatures: { checked: number; wrong: number };
};

const slowMs = 5_000;
const bucketUs = 100;
const buckets = 600_000; // up to a minute; longer times count as a minute
const histogram = new Uint32Array(buckets);
let delivered = 0;
let failed = 0;
let earlier = { delivered: 0, failed: 0 }; // before the last reset
let since = clock();
let checked = 0;
let wrong = 0;
/** When messages were sent and when they arrived, in turns; undefined: not remembered. */
let arrived: number[] | undefined;

const measure = (body: Buffer) => {
  const at = body.indexOf(sentAtKey, 0, 'latin1');
  if (at < 0) return;
  const start = at + sentAtKey.length;
  const now = clock();
  const sentAt = Number(body.toString('latin1', start, start + clockDigits));
  arrived?.push(sentAt, now);
  const age = now - sentAt;
  const bucket = Math.min(buckets - 1, Math.max(0, Math.floor(age / bucketUs)));
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
};

const percentile = (share: number): number => {
  let total = 0;
  for (const count of histogram) total += count;
  let left = Math.ceil(total * share);
  if (left === 0) return 0;
  for (let i = 0; i < buckets; i++) {
    left -= histogram[i] ?? 0;
    if (left <= 0) return ((i + 1) * bucketUs) / 1_000;
  }
  return (buckets * bucketUs) / 1_000;
};

const answer = (response: ServerResponse, status: number) => {
  response.sendDate = false;
  response.writeHead(status, { 'content-length': '2' });
  response.end('ok');
};

const server = createServer((request, response) => {
  let body: Buffer | undefined;
  request.on('data', (chunk: Buffer) => (body = body ? Buffer.concat([body, chunk]) : chunk));
  request.on('end', () => {
    if (request.url?.startsWith('/fail')) {
      failed++;
      return answer(response, 500);
    }
    delivered++;
    if (request.url?.startsWith('/slow')) return void setTimeout(() => answer(response, 200), slowMs);
    answer(response, 200);
    if (!body) return;
    measure(body);
    if (delivered % 1_000 === 1) {
      checked++;
      if (request.headers['x-webhook-signature'] !== signatureOf(body)) wrong++;
    }
  });
});
server.keepAliveTimeout = 3_600_000;
server.requestTimeout = 0;

const handlers = {
  /** @param port left out: any */
  async listen(port?: number) {
    server.listen(port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  /** Starts a measured window. */
  reset() {
    earlier = handlers.count();
    delivered = failed = checked = wrong = 0;
    histogram.fill(0);
    since = clock();
  },
  remember() {
    arrived = [];
  },
  arrived: () => arrived ?? [],
  now: clock,
  /** Since this process started. */
  count: () => ({ delivered: earlier.delivered + delivered, failed: earlier.failed + failed }),
  snapshot(): Received {
    return {
      delivered,
      failed,
      seconds: (clock() - since) / 1e6,
      latencyMs: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99), max: percentile(1) },
      signatures: { checked, wrong },
    };
  },
};
export type ReceiverPart = typeof handlers;
serve(handlers);
