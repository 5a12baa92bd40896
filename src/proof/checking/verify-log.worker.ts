// A thread that checks its part of a log. See verify-log.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { checkLog, type CheckOrder, type PartResult } from './check-log.ts';

export type FromChecker =
  | { readonly kind: 'progress'; readonly events: number; readonly share: number }
  | { readonly kind: 'said'; readonly sentence: string }
  | { readonly kind: 'done'; readonly result: PartResult };

if (parentPort) {
  const port = parentPort;
  const post = (message: FromChecker) => port.postMessage(message);
  const say = (sentence: unknown) => post({ kind: 'said', sentence: String(sentence) });
  const order = workerData as CheckOrder; // what verifyLog starts it with
  const result = await checkLog(order, { info: say, warn: say }, (events, share) => post({ kind: 'progress', events, share }));
  post({ kind: 'done', result });
}
