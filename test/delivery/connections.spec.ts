// The sender's connections: which are used again, and that one attempt is one request.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startRawReceiver } from '../support/raw-receiver.ts';
import { startReceiver, testAuthority } from '../support/receiver.ts';
import { makeSender, request } from './sending.ts';

describe('connections', () => {
  it('are used again', async () => {
    await using receiver = await startReceiver();
    const sender = makeSender();
    for (let n = 0; n < 5; n++) expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    expect(receiver.connections.accepted).toBe(1);
  });
  it('do not wait for each other: one that hangs delays none of its origin', async () => {
    await using receiver = await startReceiver();
    receiver.answer((got) => (got.path === '/hang' ? 'hang' : {}));
    const sender = makeSender({ maxConnectionsPerOrigin: 1 });
    const hanging = sender.send(request(`${receiver.url}/hang`, { timeoutSeconds: 1 }));
    await receiver.received(1);
    expect(await sender.send(request(`${receiver.url}/fine`))).toMatchObject({ outcome: 'succeeded' });
    expect(await hanging).toMatchObject({ failure: 'TIMEOUT' });
  });
  it('are kept idle in bounded number', async () => {
    await using receiver = await startReceiver();
    const sender = makeSender({ maxConnectionsPerOrigin: 3 });
    await Promise.all(Array.from({ length: 10 }, () => sender.send(request(receiver.url))));
    expect(receiver.connections.accepted).toBe(10);
    await expect.poll(() => receiver.connections.open).toBe(3);
  });
  it('that the receiver ends after each response are not reused', async () => {
    await using receiver = await startReceiver();
    receiver.answer({ headers: { connection: 'close' } });
    const sender = makeSender();
    for (let n = 0; n < 3; n++) expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    expect(receiver.connections.accepted).toBe(3);
    expect(receiver.requests).toHaveLength(3);
  });
  it('end with the sender, after the running requests', async () => {
    await using receiver = await startReceiver();
    receiver.answer({ delayMs: 100 });
    const sender = makeSender();
    const running = sender.send(request(receiver.url));
    await receiver.received(1);
    let ended = false;
    void running.then(() => (ended = true));
    await sender.close();
    expect(ended).toBe(true);
    expect(await running).toMatchObject({ outcome: 'succeeded' });
    await expect.poll(() => receiver.connections.open).toBe(0);
  });
});

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Keeps this thread busy, so that nothing that arrives is read meanwhile. */
const block = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until;);
};

describe('one attempt is one request:', () => {
  it.each([
    ['closes', false, /closed the connection before it answered; the connection was kept from an earlier request, so it may not have read/],
    ['resets', true, /reset the connection before it answered; the connection was kept from an earlier request/],
  ])(
    'a receiver that %s a kept connection after it read a request makes a failed attempt, and no second POST',
    async (_, resets, error) => {
      await using receiver = await startRawReceiver((socket, n) => {
        if (n % 2 === 1) socket.write(ok);
        else if (resets) socket.resetAndDestroy();
        else socket.end();
      });
      const sender = makeSender();
      const outcomes = [];
      for (let n = 0; n < 10; n++) outcomes.push(await sender.send(request(receiver.url)));
      expect(receiver.requests).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
      expect(outcomes.filter(({ outcome }) => outcome === 'succeeded')).toHaveLength(5);
      for (let n = 1; n < 10; n += 2) expect(outcomes[n]).toMatchObject({ failure: 'CONNECTION', error: expect.stringMatching(error) });
    },
  );

  it('over TLS, too', async () => {
    await using receiver = await startRawReceiver((socket, n) => (n === 2 ? socket.destroy() : socket.write(ok)), { tls: true });
    const sender = makeSender({ ca: [testAuthority()] });
    const outcomes = [];
    for (let n = 0; n < 3; n++) outcomes.push((await sender.send(request(receiver.url))).outcome);
    expect(outcomes).toEqual(['succeeded', 'failed', 'succeeded']);
    expect(receiver.requests).toEqual([1, 1, 2]);
  });

  it('a receiver that closes within a request gets no second one', async () => {
    let closeNow = false;
    await using receiver = await startRawReceiver((socket) => socket.write(ok), {
      onConnection: (socket) => socket.on('data', () => closeNow && socket.destroy()),
    });
    const sender = makeSender();
    expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    closeNow = true;
    // More than the connection takes at once.
    expect(await sender.send(request(receiver.url, { body: 'x'.repeat(20_000_000) }))).toMatchObject({ failure: 'CONNECTION' });
    expect(receiver.connections.accepted).toBe(1);
  });

  it.each([0, 700])(
    'a connection that the receiver closed while it was idle for %i ms is not used: nothing was written to it',
    async (idleMs) => {
      await using receiver = await startReceiver();
      const sender = makeSender();
      expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
      await sleep(idleMs);
      receiver.closeIdle();
      await expect.poll(() => receiver.connections.open).toBe(0);
      expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
      expect(receiver.requests.map(({ connection }) => connection)).toEqual([1, 2]);
    },
  );

  it('a connection that refuses the first byte is replaced: the receiver got nothing', async () => {
    let reset: (() => void) | undefined;
    await using receiver = await startRawReceiver((socket) => {
      socket.write(ok);
      reset = () => socket.resetAndDestroy();
    });
    const sender = makeSender();
    await sender.send(request(receiver.url));
    reset?.();
    block(50); // the reset has arrived, and nobody has read it
    expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    expect(receiver.requests).toEqual([1, 2]);
  });

  it('a connection that rested is looked at first, as this process may not have read yet that it was closed', async () => {
    let idle: (() => void) | undefined;
    await using receiver = await startRawReceiver((socket) => {
      socket.write(ok);
      idle = () => socket.end();
    });
    const sender = makeSender();
    await sender.send(request(receiver.url));
    await sleep(700);
    idle?.();
    block(50); // the end has arrived, and nobody has read it
    expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    expect(receiver.requests).toEqual([1, 2]);
  });
});

describe('an idle connection', () => {
  const idleFor = async (keepAlive: string, ms: number) => {
    await using receiver = await startRawReceiver((socket) =>
      socket.write(`HTTP/1.1 200 OK\r\nkeep-alive: ${keepAlive}\r\ncontent-length: 0\r\n\r\n`),
    );
    const sender = makeSender();
    await sender.send(request(receiver.url));
    await sleep(ms);
    await sender.send(request(receiver.url));
    return receiver.connections.accepted;
  };
  it.each([
    ['timeout=1', 0, 2],
    ['timeout=2', 200, 1],
    ['timeout=2, max=100', 1_300, 2],
  ])('is given up before the receiver does: %s, idle for %i ms', async (keepAlive, ms, connections) =>
    expect(await idleFor(keepAlive, ms)).toBe(connections),
  );

  it('is given up when bytes arrive that nobody asked for', async () => {
    await using receiver = await startRawReceiver((socket) => {
      socket.write(ok);
      setTimeout(() => socket.write(ok), 20);
    });
    const sender = makeSender();
    await sender.send(request(receiver.url));
    await expect.poll(() => receiver.connections.open).toBe(0);
    expect((await sender.send(request(receiver.url))).outcome).toBe('succeeded');
    expect(receiver.connections.accepted).toBe(2);
  });

  it('is not used for another request after a response that left in doubt where it ended', async () => {
    await using receiver = await startRawReceiver((socket) => socket.write(`HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n`));
    const sender = makeSender();
    for (let n = 0; n < 3; n++) expect(await sender.send(request(receiver.url))).toMatchObject({ outcome: 'succeeded', responseCode: 204 });
    expect(receiver.connections.accepted).toBe(3);
  });
});
