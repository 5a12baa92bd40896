// What was accepted goes out before more is taken in: publishers that push as fast as they are answered feel how fast deliveries go out.
import { createServer, type Server as HttpServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEndpoint, startServer, type Server } from '../support/server.ts';

const publishers = 64;

describe('publishers that push as fast as they are answered', () => {
  let server: Server;
  let receiver: HttpServer;
  const arrived = new Set<number>();
  let answerAfterMs = 0;

  beforeEach(async () => {
    arrived.clear();
    answerAfterMs = 0;
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { data } = JSON.parse(Buffer.concat(chunks).toString()) as { data: { number: number } };
        setTimeout(() => {
          arrived.add(data.number);
          response.end();
        }, answerAfterMs);
      });
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    server = await startServer();
    const { port } = receiver.address() as AddressInfo;
    await createEndpoint(server, { name: 'one', url: `http://127.0.0.1:${port}`, eventTypes: ['pace.*'], timeoutSeconds: 30 });
  });
  afterEach(async () => {
    await server.dispose();
    receiver.closeAllConnections();
    receiver.close();
  });

  /** @returns how many were accepted, and how many of them had not arrived yet, looked at after each answer: the middle of all looks but the first ones */
  const pushFor = async (seconds: number) => {
    const until = performance.now() + seconds * 1_000;
    let [next, accepted] = [0, 0];
    const between: number[] = [];
    const push = async () => {
      while (performance.now() < until) {
        await server.publish({ type: 'pace.pushed', data: { number: next++ } });
        accepted++;
        between.push(accepted - arrived.size);
      }
    };
    await Promise.all(Array.from({ length: publishers }, push));
    const looks = between.slice(300).toSorted((a, b) => a - b);
    return { accepted, between: looks[Math.floor(looks.length / 2)] ?? Number.NaN };
  };

  it(
    'have no more than a few milliseconds of messages between their 202 and the receiver, and all of them arrive',
    { timeout: 30_000 },
    async () => {
      const { accepted, between } = await pushFor(3);
      expect(accepted).toBeGreaterThan(500);
      expect(between).toBeLessThan(150);
      await expect.poll(() => arrived.size, { timeout: 10_000 }).toBe(accepted);
    },
  );

  it('are not slowed down by a receiver that is slow itself', { timeout: 30_000 }, async () => {
    answerAfterMs = 1_000;
    const { accepted } = await pushFor(3);
    expect(accepted).toBeGreaterThan(64 * 3 * 2); // the receiver takes 64 a second
  });
});
