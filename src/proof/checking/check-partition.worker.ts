// A thread that checks one partition of a log. Started by partition-threads.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { openAndCheckPartition, type PartitionResult, type PartitionTask } from './check-partition.ts';

export type FromChecker =
  | { readonly kind: 'progress'; readonly events: number; readonly share: number }
  | { readonly kind: 'warning'; readonly sentence: string }
  | { readonly kind: 'done'; readonly result: PartitionResult };

if (parentPort) {
  const port = parentPort;
  const post = (message: FromChecker) => port.postMessage(message);
  const warn = (sentence: unknown) => post({ kind: 'warning', sentence: String(sentence) });
  const task = workerData as PartitionTask; // set by partition-threads.ts
  const result = await openAndCheckPartition(task, { info: warn, warn }, (events, share) => post({ kind: 'progress', events, share }));
  post({ kind: 'done', result });
}
