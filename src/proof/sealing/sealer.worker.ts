// The sealer's thread: reads and hashes the log, and sends each finished segment to sealer.ts to be signed. Once it has opened the log, it
// runs at the lowest priority.
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { LogUnavailable } from '../../event-store/event-store.ts';
import { openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import { createLog } from '../../log.ts';
import { lowerPriority } from '../../thread-priority.ts';
import type { Segment } from './seal.ts';
import { SegmentCollector, type Backlog } from './segment-collector.ts';

export type SealerOptions = {
  readonly log: LogAddress;
  /** Most events in one seal. */
  readonly mostEvents: number;
  /** Longest time before a recorded event is sealed. */
  readonly everyMs: number;
  readonly logLevel: string;
};

/** A segment to record as the seal of that number; or how much waits to be sealed. */
export type FromSealer =
  { readonly kind: 'segment'; readonly number: number; readonly segment: Segment } | ({ readonly kind: 'backlog' } & Backlog);
/** The answer to a segment. `isOurs: false`: another process recorded that number first; its seal is in the log. */
export type ToSealer = { readonly isOurs: boolean };

const pollMs = 1_000;

const openCollector = async (
  { log: address, mostEvents, everyMs }: SealerOptions,
  log: ReturnType<typeof createLog>,
  record: (number: number, segment: Segment) => Promise<boolean>,
): Promise<SegmentCollector> => {
  const isOnlySealer = address.kind === 'embedded';
  const collector = new SegmentCollector(
    await openStoredLogReader(address, log),
    { mostEvents, everyMs, isOnlySealer, now: () => performance.now() },
    record,
  );
  await collector.start();
  return collector;
};

const run = async (port: NonNullable<typeof parentPort>, options: SealerOptions) => {
  const log = createLog(options.logLevel);
  let onAnswer: (answer: ToSealer) => void = () => {};
  port.on('message', (message: ToSealer) => onAnswer(message));
  const record = (number: number, segment: Segment): Promise<boolean> =>
    new Promise((resolve) => {
      onAnswer = ({ isOurs }) => resolve(isOurs);
      port.postMessage({ kind: 'segment', number, segment } satisfies FromSealer);
    });
  let collector: SegmentCollector | undefined;
  for (;;) {
    try {
      if (!collector) {
        collector = await openCollector(options, log, record);
        // Only now: at the lowest priority, opening takes half a minute on a busy machine instead of a second. A log server's client keeps
        // the usual priority.
        lowerPriority(19);
      }
      await collector.collect();
      port.postMessage({ kind: 'backlog', ...collector.backlog() } satisfies FromSealer);
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
      log.warn({ err: error }, `The log can't be read for sealing. Retrying. ${error.message}`);
    }
    await sleep(Math.min(pollMs, options.everyMs));
  }
};

if (parentPort) await run(parentPort, workerData as SealerOptions); // set by Sealer.start
