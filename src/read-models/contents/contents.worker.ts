// The thread that matches contents: opens the log with a reader of its own, and answers one question after the other. See contents-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import type { Position } from '../../domain/ids.ts';
import { LogUnavailable } from '../../event-store/event-store.ts';
import { openLogReader, type LogAddress, type OpenedLogReader } from '../../event-store/open-log.ts';
import { createLog } from '../../log.ts';
import { lowerPriority } from '../../thread-priority.ts';
import { matchContents, type ContentAnswer, type ContentQuestion } from './match-contents.ts';

export type ContentsWorkerOptions = { readonly address: LogAddress; readonly logLevel: string };

/** The log is durable up to `tip`. */
export type ToContents = { readonly question: ContentQuestion; readonly tip: Position | undefined } | 'stop';

export type FromContents = ContentAnswer | { readonly failed: string; readonly isUnavailable: boolean };

const run = (port: NonNullable<typeof parentPort>, { address, logLevel }: ContentsWorkerOptions): void => {
  const log = createLog(logLevel);
  let opened: OpenedLogReader | undefined;
  const answer = async ({ question, tip }: Exclude<ToContents, 'stop'>): Promise<FromContents> => {
    try {
      if (!opened) {
        opened = await openLogReader(address, { log, watch: false });
        lowerPriority(5); // what publishers wait for goes first
      }
      if (tip !== undefined) opened.advanceTo(tip);
      return await matchContents(opened.reader, question);
    } catch (error) {
      return { failed: error instanceof Error ? error.message : String(error), isUnavailable: error instanceof LogUnavailable };
    }
  };
  const stop = async (): Promise<void> => {
    await opened?.close();
    port.close();
  };
  let last: Promise<void> = Promise.resolve();
  port.on('message', (message: ToContents) => {
    last = last.then(() => (message === 'stop' ? stop() : answer(message).then((given) => port.postMessage(given))));
  });
};

if (parentPort) run(parentPort, workerData as ContentsWorkerOptions); // what ContentsThread starts it with
