// The thread that seals: reads the log as it is stored, and hashes it. Once it has begun it has the lowest priority, so that it takes what others leave.
// See sealer.ts.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { LogUnavailable } from '../../event-store/event-store.ts';
import { openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import { createLog } from '../../log.ts';
import { LogSealing, type Waiting } from './log-sealing.ts';
import type { Segment } from './seal.ts';

export type SealerOptions = {
  readonly log: LogAddress;
  /** A seal has so many events at most. */
  readonly mostEvents: number;
  /** So long at most after an event was recorded, it is sealed. */
  readonly everyMs: number;
  readonly logLevel: string;
};

/** Events that are to be sealed by the seal of that number; how far it is. */
export type FromSealer =
  { readonly kind: 'segment'; readonly number: number; readonly segment: Segment } | ({ readonly kind: 'waiting' } & Waiting);
/** The seal is in the log, or another process had been faster with it: that one is then read from there. */
export type ToSealer = { readonly isOurs: boolean };

/** How often it looks whether the log has grown, at most. */
const pollMs = 1_000;
/** Linux only: elsewhere a thread has no priority of its own. */
const yieldToOthers = () => {
  try {
    const thread = /(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1];
    if (thread !== undefined) setPriority(Number(thread), 19);
  } catch {
    // It costs the others something then, and is right all the same.
  }
};

const run = async (port: NonNullable<typeof parentPort>, options: SealerOptions) => {
  const log = createLog(options.logLevel);
  let answered: (answer: ToSealer) => void = () => {};
  port.on('message', (message: ToSealer) => answered(message));
  const record = (number: number, segment: Segment): Promise<boolean> =>
    new Promise((resolve) => {
      answered = ({ isOurs }) => resolve(isOurs);
      port.postMessage({ kind: 'segment', number, segment } satisfies FromSealer);
    });
  let sealing: LogSealing | undefined;
  for (;;) {
    try {
      if (!sealing) {
        const { mostEvents, everyMs } = options;
        const isAlone = options.log.kind === 'embedded';
        const opened = new LogSealing(await openStoredLogReader(options.log, log), { mostEvents, everyMs, isAlone, now: Date.now }, record);
        await opened.start();
        sealing = opened;
        yieldToOthers(); // not before: opening, a second of work, took half a minute on a busy machine. A server's client keeps the usual priority
      }
      await sealing.look();
      port.postMessage({ kind: 'waiting', ...sealing.waiting() } satisfies FromSealer);
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      log.warn({ err: error }, `The log can't be read to be sealed; it is tried again. ${error.message}`);
    }
    await sleep(Math.min(pollMs, options.everyMs));
  }
};

if (parentPort) await run(parentPort, workerData as SealerOptions); // what Sealer starts it with
