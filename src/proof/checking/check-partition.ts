// Reads a log once, and runs all checks on the events of one partition.
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import { UndecodableEvent } from '../../event-store/event-store.ts';
import { openLogReader, openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { readSeal } from '../sealing/stored-seals.ts';
import { AllChecks } from './checks/all-checks.ts';
import type { SealReference } from './checks/seals.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import type { CountsByEndpoint } from './delivery-counts.ts';
import { earlierEventsIn } from './earlier-events.ts';
import type { Results } from './findings.ts';
import type { Partition } from './partition.ts';
import type { ExpectedSeal } from './seal-verifier.ts';

/** What to check. Plain data: it is sent to a thread. */
export type PartitionTask = {
  readonly log: LogAddress;
  readonly partition: Partition;
  /** Check the events after `after`, up to `end`. */
  readonly after: Position | undefined;
  readonly end: Position;
  readonly seals: readonly ExpectedSeal[];
};

/** What was found. Plain data. */
export type PartitionResult = {
  /** Events read: those of all partitions. */
  readonly events: number;
  readonly results: Results;
  readonly deliveryCounts: CountsByEndpoint['counts'];
  /** The last event of the seals' stream, if it belongs to this partition. */
  readonly newestSeal: SealReference | undefined;
};

type Logger = Pick<BaseLogger, 'info' | 'warn'>;
type OnProgress = (events: number, share: number) => void;

/** Events between two reports of the progress. */
const reportEvery = 10_000;

/** Opens the log that the task names, and checks it. */
export const openAndCheckPartition = async (task: PartitionTask, logger: Logger, onProgress: OnProgress): Promise<PartitionResult> => {
  const log = await openStoredLogReader(task.log, logger);
  try {
    return await checkPartition(log, task, logger, onProgress);
  } finally {
    await log.close();
  }
};

/** @param log the log that the task names */
export const checkPartition = async (
  log: StoredLogReader,
  { log: address, partition, after, end, seals }: PartitionTask,
  logger: Logger,
  onProgress: OnProgress,
): Promise<PartitionResult> => {
  const configuration = new ConfigurationHistory();
  if (after !== undefined) await readConfiguration(address, after, configuration, logger);
  const checks = new AllChecks({
    partition,
    configuration,
    seals,
    readMarks: async (number) => (await readSeal(log, number))?.seal.marks ?? '',
    readEarlier: earlierEventsIn(log),
    after,
    positionsAreConsecutive: address.kind === 'embedded',
  });
  let events = 0;
  let reportedAt = 0;
  for await (const batch of log.read(after)) {
    const withinEnd = (batch.at(-1)?.position ?? end) <= end ? batch : batch.filter(({ position }) => position <= end);
    await checks.check(withinEnd);
    events += withinEnd.length;
    const last = withinEnd.at(-1);
    if (last && events - reportedAt >= reportEvery) {
      reportedAt = events;
      onProgress(events, Math.min(1, log.share(last.position, end)));
    }
    if (withinEnd.length < batch.length || last?.position === end) break;
  }
  await checks.end();
  onProgress(events, 1);
  const { findings, deliveryCounts, sealOrder } = checks;
  return { events, results: findings.results(), deliveryCounts: deliveryCounts.counts, newestSeal: sealOrder.newest };
};

/** Reads all of the configuration up to a position. There is little of it, and an index finds it. */
const readConfiguration = async (
  address: LogAddress,
  upTo: Position,
  configuration: ConfigurationHistory,
  logger: Logger,
): Promise<void> => {
  const opened = await openLogReader(address, { log: logger, watch: false });
  const stop = new AbortController();
  try {
    opened.advanceTo(upTo);
    for await (const batch of opened.reader.followConfiguration(undefined, { signal: stop.signal })) {
      if (batch.length === 0) break;
      for (const event of batch) if (event.position <= upTo && !(event instanceof UndecodableEvent)) configuration.add(event);
    }
  } finally {
    stop.abort();
    await opened.close();
  }
};
