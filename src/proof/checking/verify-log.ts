// Verifies a log: checks every event in one pass that is shared among threads, and the chain of its seals.
import type { BaseLogger } from 'pino';
import type { EndpointId, Position } from '../../domain/ids.ts';
import { type Seal } from '../../domain/sealing.ts';
import { sealingStream } from '../../domain/streams.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import { provenanceOf } from '../../event-store/provenance.ts';
import { openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import type { EventReference } from '../event-reference.ts';
import type { Progress } from '../progress.ts';
import { lastSealedPosition, readNewestSealUpTo } from '../sealing/stored-seals.ts';
import { checkPartition, type PartitionResult, type PartitionTask } from './check-partition.ts';
import { addCounts, noDeliveries, openIn, type DeliveryCounts } from './delivery-counts.ts';
import { Findings, type Results } from './findings.ts';
import { checkInThreads } from './partition-threads.ts';
import { readSealChain, type SealChain } from './seal-chain.ts';

type VerifyOptions = {
  /** Check only the events after the last one that was sealed up to here; if none was, the events after this position. */
  readonly since: Position | undefined;
  /** 0: check in this thread. */
  readonly threads: number;
  readonly progress: (progress: Progress) => void;
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
};

export type LogVerification = {
  readonly name: string;
  readonly events: number;
  readonly after: Position | undefined;
  readonly until: Position | undefined;
  /** Events that no seal covers yet. */
  readonly unsealed: number;
  /** When the first unsealed event was recorded, seals left out; undefined if there is none. */
  readonly unsealedSince: string | undefined;
  readonly publicKey: string | undefined;
  readonly results: Results;
  readonly counts: DeliveryCounts & { readonly open: number };
};

export const verifyLog = async (address: LogAddress, options: VerifyOptions): Promise<LogVerification> => {
  const log = await openStoredLogReader(address, options.log);
  try {
    return await verifyOpenedLog(log, address, options);
  } finally {
    await log.close();
  }
};

/** @param log the log at the address */
export const verifyOpenedLog = async (
  log: StoredLogReader,
  address: LogAddress,
  { since, threads, progress, log: logger }: VerifyOptions,
): Promise<LogVerification> => {
  // 1. Find where to start and end, and read the seals in between.
  const findings = new Findings();
  const last = await log.last();
  const startSeal = since === undefined ? undefined : await readNewestSealUpTo(log, since).catch(() => undefined);
  const after = startSeal?.position ?? since;
  const start = since === undefined ? 'log' : startSeal ? { afterSeal: startSeal.seal.number } : null;
  const chain = await readSealChain(log, findings, start, progress);
  const common = { name: log.name, after, publicKey: chain.publicKey };
  if (!last || (after !== undefined && after >= last.position)) {
    const nothing = { events: 0, until: undefined, unsealed: 0, unsealedSince: undefined };
    return { ...common, ...nothing, results: findings.results(), counts: { ...noDeliveries, open: 0 } };
  }

  // 2. Check the events.
  const task: Omit<PartitionTask, 'partition'> = { log: address, after, end: last.position, seals: chain.seals };
  const onProgress = (events: number, share: number) => progress({ step: 'checking the events', events, share });
  const parts =
    threads === 0
      ? [await checkPartition(log, { ...task, partition: { index: 0, count: 1 } }, logger, onProgress)]
      : await checkInThreads(task, threads, logger, onProgress);

  // 3. Combine what was found.
  for (const { results } of parts) findings.add(results);
  checkNewestSeal(findings, parts, chain, start);
  const counts = countsByEndpoint(parts);
  checkConservation(findings, counts, last, after === undefined);
  const total = [...counts.values()].reduce(addCounts, noDeliveries);
  const events = parts[0]?.events ?? 0;
  const sealed = chain.seals.reduce((all, { count }) => all + count, 0);
  return {
    ...common,
    events,
    until: last.position,
    unsealed: Math.max(0, events - sealed),
    unsealedSince: await oldestUnsealed(log, chain.newest, after),
    results: findings.results(),
    counts: { ...total, open: openIn(total) },
  };
};

/** Reports a seal that reading the whole log finds, and that reading the seals' stream does not. */
const checkNewestSeal = (
  findings: Findings,
  parts: readonly PartitionResult[],
  { publicKey, newest }: SealChain,
  start: Parameters<typeof readSealChain>[2],
): void => {
  const seal = parts.map(({ newestSeal }) => newestSeal).find((each) => each !== undefined);
  const newestInStream = newest?.number ?? (start === 'log' ? 0 : Infinity); // if the start is between two seals, the stream was not read
  if (seal && findings.results().seals.wrong === 0 && (publicKey === undefined || seal.number > newestInStream))
    findings.wrong('seals', seal, `It can't be read from its own stream: the stream ${seal.stream} was deleted, cut or changed.`);
};

/** From the start of the log on, no endpoint can have more ended deliveries than routed ones. */
const checkConservation = (
  findings: Findings,
  counts: ReadonlyMap<EndpointId, DeliveryCounts>,
  last: EventReference,
  isFromStart: boolean,
): void => {
  for (const [endpointId, each] of counts) {
    findings.checked('conservation');
    const ended = each.routed - openIn(each);
    if (isFromStart && ended > each.routed)
      findings.wrong('conservation', last, `${ended} deliveries to ${endpointId} ended, but only ${each.routed} were routed.`);
  }
};

const countsByEndpoint = (parts: readonly PartitionResult[]): ReadonlyMap<EndpointId, DeliveryCounts> => {
  const all = new Map<EndpointId, DeliveryCounts>();
  for (const { deliveryCounts } of parts)
    for (const [id, counts] of deliveryCounts) all.set(id, addCounts(all.get(id) ?? noDeliveries, counts));
  return all;
};

/** When the first event that the newest seal does not cover was recorded. Seals don't count. */
const oldestUnsealed = async (log: StoredLogReader, newest: Seal | undefined, after: Position | undefined): Promise<string | undefined> => {
  const from = newest ? await lastSealedPosition(log, newest) : after;
  for await (const batch of log.read(from)) {
    const event = batch.find(({ stream }) => stream !== sealingStream);
    if (event) return firstRecordedAt(event);
  }
  return undefined;
};

/** When a copied event was recorded in the original log. */
const firstRecordedAt = (event: StoredEvent): string => {
  try {
    return provenanceOf(event)?.recordedAt ?? event.recordedAt;
  } catch {
    return event.recordedAt; // the checks of all events report unreadable metadata
  }
};
