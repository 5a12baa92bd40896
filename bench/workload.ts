// The bench's messages, and the clock that all its processes share.
import { createHmac } from 'node:crypto';

export const secret = 'bench-secret-of-some-length';
export const endpointCount = 4;
export const eventType = (i: number, kinds = endpointCount) => `bench.kind-${i % kinds}`;

/** Microseconds of the machine's monotonic clock, the same in every process, plus 10^15: always 16 digits. */
export const clock = (): number => 1e15 + Math.floor(Number(process.hrtime.bigint() / 1000n));
export const clockDigits = 16;
export const sentAtKey = '"sentAt":';

/** About 260 bytes of JSON, like an alert of a monitoring service. `sentAt` is overwritten for every request. */
export const message = (type: string) => ({
  type,
  data: {
    sentAt: 1e15,
    alert_id: 456,
    severity: 'critical',
    message: 'CPU usage exceeded 90% for five minutes',
    server: { id: 123, name: 'web-server-01', ip: '192.168.1.100' },
    tags: ['cpu', 'production', 'eu-west'],
  },
});

/** The ENVELOPE body of a message, as the service makes it. */
export const envelope = (event: string, timestamp: string, data: unknown) => JSON.stringify({ event, timestamp, data });

/** The signature by WEBHOOK_SHA256. */
export const signatureOf = (body: string | Uint8Array) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
