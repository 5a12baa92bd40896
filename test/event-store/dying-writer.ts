// The writing thread of the embedded log, with a fault: an append to `endpoint-die` kills it.
import { parentPort } from 'node:worker_threads';
import type { ToWriter } from '../../src/event-store/sqlite/writer.worker.ts';

parentPort?.on('message', (message: ToWriter) => {
  if (
    message !== 'close' &&
    'appends' in message &&
    message.appends.some(({ writes }) => writes.some(([stream]) => stream === 'endpoint-die'))
  )
    process.exit(1); // at once: an error would end it only after the append was answered
});
await import('../../src/event-store/sqlite/writer.worker.ts');
