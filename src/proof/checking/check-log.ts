// Walks through a log, or its share of the work of one walk, and checks every event on the way.
import type { BaseLogger } from 'pino';
import type { Position } from '../../domain/ids.ts';
import { codec, type StoredEvent } from '../../event-store/codec.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { openLogReader, openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import type { Earlier } from './earlier-cases.ts';
import type { Results } from './findings.ts';
import { LogChecker, type Counts, type NamedSeal, type Part } from './log-checker.ts';
import type { ExpectedSeal } from './seal-check.ts';
import { sealIn } from '../sealing/seals-in-log.ts';

/** Plain data, so that a thread can be told. */
export type CheckOrder = {
  readonly log: LogAddress;
  readonly part: Part;
  /** Events after `after` up to `end`. */
  readonly after: Position | undefined;
  readonly end: Position;
  readonly seals: readonly ExpectedSeal[];
};

export type PartResult = {
  readonly events: number;
  readonly results: Results;
  readonly counts: ReadonlyMap<string, Counts>;
  readonly newestSeal: NamedSeal | undefined;
};

/** Events between two words on how far it is. */
const tellEvery = 10_000;

type Told = Pick<BaseLogger, 'info' | 'warn'>;
type Tell = (events: number, share: number) => void;

export const checkLog = async (order: CheckOrder, told: Told, progress: Tell): Promise<PartResult> => {
  const log = await openStoredLogReader(order.log, told);
  try {
    return await checkOpened(log, order, told, progress);
  } finally {
    await log.close();
  }
};

/** @param log what `order.log` names */
export const checkOpened = async (
  log: StoredLogReader,
  { log: address, part, after, end, seals }: CheckOrder,
  told: Told,
  progress: Tell,
): Promise<PartResult> => {
  const configuration = new ConfigurationHistory();
  if (after !== undefined) await readConfiguration(address, after, configuration, told);
  const checker = new LogChecker({
    part,
    configuration,
    seals,
    marksOf: async (number) => (await sealIn(log, number))?.seal.marks ?? '',
    earlier: earlierIn(log),
    after,
    hasNoGaps: address.kind === 'embedded',
  });
  let events = 0;
  let toldAt = 0;
  for await (const batch of log.read(after)) {
    const within = (batch.at(-1)?.position ?? end) <= end ? batch : batch.filter(({ position }) => position <= end);
    await checker.add(within);
    events += within.length;
    const last = within.at(-1);
    if (last && events - toldAt >= tellEvery) {
      toldAt = events;
      progress(events, Math.min(1, log.share(last.position, end)));
    }
    if (within.length < batch.length || last?.position === end) break;
  }
  await checker.end();
  progress(events, 1);
  return { events, results: checker.findings.results(), counts: checker.counts, newestSeal: checker.newestSeal };
};

/** All of it up to a position: it is little, and has an index. */
const readConfiguration = async (address: LogAddress, upTo: Position, configuration: ConfigurationHistory, told: Told): Promise<void> => {
  const opened = await openLogReader(address, { log: told, watch: false });
  const ending = new AbortController();
  try {
    opened.advanceTo(upTo);
    for await (const batch of opened.reader.follow(undefined, { signal: ending.signal, only: 'configuration' })) {
      if (batch.length === 0) break;
      for (const event of batch) if (event.position <= upTo) configuration.add(event);
    }
  } finally {
    ending.abort();
    await opened.close();
  }
};

const earlierIn = (log: Pick<StoredLogReader, 'at'>): Earlier => ({
  stream: async (stream, before) => {
    const events: RecordedEvent[] = [];
    const most = typeof before === 'number' ? before : Number.MAX_SAFE_INTEGER;
    for (let revision = 0; revision < most; revision++) {
      const stored = await log.at(stream, revision);
      if (typeof before === 'string' && (!stored || stored.position >= before)) break;
      const event = stored && decoded(stored);
      if (event) events.push(event);
    }
    return events;
  },
});

const decoded = (stored: StoredEvent): RecordedEvent | undefined => {
  try {
    return codec.decode(stored);
  } catch {
    return undefined;
  }
};
