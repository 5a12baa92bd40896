import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { expect, it, vi } from 'vitest';
import { largeJson } from '../../../commands/large-json.ts';
import type { Json } from '../../../domain/json.ts';
import { IncomingMessages } from './incoming-message.ts';

class Socket extends EventEmitter {
  readonly sent: string[] = [];
  readonly flow: string[] = [];
  readonly closed: number[] = [];
  pause = () => this.flow.push('pause');
  resume = () => this.flow.push('resume');
  send = (text: string) => this.sent.push(text);
  close = (code: number) => this.closed.push(code);
}
const start = () => {
  const socket = new Socket();
  const handled: Json[] = [];
  const messages = new IncomingMessages(
    socket as unknown as WebSocket,
    (formatted) => formatted,
    (message) => handled.push(message),
  );
  return { socket, handled, take: (message: string) => messages.take(Buffer.from(message)) };
};
const text = 'x'.repeat(largeJson);

it('hands on small messages at once, and those behind a large one after it', async () => {
  const { socket, handled, take } = start();
  take('[1]');
  expect(handled).toEqual([[1]]);
  take(JSON.stringify([2, [text], [text]]));
  take('[3]');
  expect(handled).toHaveLength(1);
  await vi.waitUntil(() => handled.length === 3);
  expect(handled.map((message) => (Array.isArray(message) ? Number(message[0]) : 0))).toEqual([1, 2, 3]);
  await vi.waitUntil(() => socket.flow.at(-1) === 'resume');
  take('[4]');
  expect(handled).toHaveLength(4);
});

it('refuses a large operation by its id, and closes where it can find none', async () => {
  const { socket, handled, take } = start();
  take(`{"id":"op","type":"subscribe","payload":{"text":"${text}","a":1,"a":2}}`);
  take(`{"payload":{"text":"${text}"},"id":"op","id":"op"}`);
  await vi.waitUntil(() => socket.closed.length > 0);
  expect(socket.sent.map((sent): unknown => JSON.parse(sent))).toMatchObject([
    { type: 'error', id: 'op', payload: [{ message: expect.stringMatching(/"a" is in one object twice/) as string }] },
  ]);
  expect(socket.closed).toEqual([4400]);
  expect(handled).toEqual([]);
});
