// What was accepted goes out before more is taken in: publishers that push as fast as they are answered feel how fast deliveries go out.
import { createServer, type Server as HttpServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEndpoint, startServer, type Server } from '../support/server.ts';

const publishers = 64;

describe('publishers that push as fast as they are answered', { timeout: 60_000 }, () => {
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
    await createEndpoint(server, { name: 'one', url: `http://127.0.0.1:${port}`, eventTypes: ['pace.*'], timeoutSeconds: 90 });
  });
  afterEach(async () => {
    await server.dispose();
    receiver.closeAllConnections();
    receiver.close();
  });

  /** @returns how many of the accepted messages had not arrived yet, looked at after each answer: the middle of all looks but the first ones */
  const push = async (count: number) => {
    let [next, accepted] = [0, 0];
    const between: number[] = [];
    const publishNext = async () => {
      while (next < count) {
        await server.publish({ type: 'pace.pushed', data: { number: next++ } });
        accepted++;
        between.push(accepted - arrived.size);
      }
    };
    await Promise.all(Array.from({ length: publishers }, publishNext));
    const looks = between.slice(count / 4).toSorted((a, b) => a - b);
    return looks[Math.floor(looks.length / 2)];
  };

  it('have no more than a few milliseconds of messages between their 202 and the receiver, and all of them arrive', async () => {
    expect(await push(4_000)).toBeLessThan(400); // without a wait for their turn some 1,000
    await expect.poll(() => arrived.size).toBe(4_000);
  });

  it('are not slowed down by a receiver that is slow itself', async () => {
    answerAfterMs = 200;
    await push(10);
    await expect.poll(() => arrived.size).toBe(10);
    answerAfterMs = 60_000;
    expect(await push(400)).toBeGreaterThan(150); // without waiting for any of them: a publish that waits for long is refused
  });
});
