// What the specs of the sender share: senders that are closed after each test, and a request.
import { afterEach } from 'vitest';
import { addressGuard } from '../../src/delivery/sender/address-guard.ts';
import type { SendRequest } from '../../src/delivery/sender/send-outcome.ts';
import { Sender, type SenderOptions } from '../../src/delivery/sender/sender.ts';

export const now = new Date('2026-01-01T00:00:00.000Z');
const senders: Sender[] = [];

export const makeSender = (options: Partial<SenderOptions> = {}): Sender => {
  const sender = new Sender({ guard: addressGuard(true), allowHttp: true, clock: () => now, ...options });
  senders.push(sender);
  return sender;
};
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.close()));
});

export const request = (url: string, changed: Partial<SendRequest> = {}): SendRequest => ({
  url,
  headers: { 'content-type': 'application/json', 'webhook-id': 'm-1' },
  body: '{"a":"é"}',
  timeoutSeconds: 5,
  ...changed,
});
