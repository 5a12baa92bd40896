// Verifies a log: everything that can be known of every event, in one walk that is shared among threads; and the chain of its seals.
import { Worker } from 'node:worker_threads';
import type { BaseLogger } from 'pino';
import type { EndpointId, Position } from '../../domain/ids.ts';
import { type Seal } from '../../domain/sealing.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import { provenanceOf } from '../../event-store/provenance.ts';
import { openStoredLogReader, type LogAddress } from '../../event-store/open-log.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { checkOpened, type CheckOrder, type PartResult } from './check-log.ts';
import { Findings, type Results } from './findings.ts';
import type { Counts } from './log-checker.ts';
import type { ExpectedSeal } from './seal-check.ts';
import { asBefore, mistakeIn, type SealBefore } from '../sealing/seal.ts';
import { keyIn, sealBefore, sealCountIn, sealedUpTo, sealIn } from '../sealing/seals-in-log.ts';
import type { Progress } from './step.ts';
import type { FromChecker } from './verify-log.worker.ts';
import { sealingStream } from '../../domain/streams.ts';

export type VerifyOptions = {
  /** Only the events after the last one that was sealed up to there, or after it where none was. */
  readonly since: Position | undefined;
  /** 0: no thread of its own. */
  readonly threads: number;
  readonly progress: (progress: Progress) => void;
  readonly log: Pick<BaseLogger, 'info' | 'warn'>;
};

export type LogVerified = {
  readonly name: string;
  readonly events: number;
  readonly after: Position | undefined;
  readonly until: Position | undefined;
  /** Events that are in no seal yet. */
  readonly unsealed: number;
  /** When the first of them was recorded that is no seal itself; undefined: there is none. */
  readonly unsealedSince: string | undefined;
  readonly publicKey: string | undefined;
  readonly results: Results;
  readonly counts: Counts & { readonly open: number };
};

const workerFile = new URL(import.meta.url.endsWith('.ts') ? './verify-log.worker.ts' : './verify-log.worker.js', import.meta.url);

export const verifyLog = async (address: LogAddress, options: VerifyOptions): Promise<LogVerified> => {
  const log = await openStoredLogReader(address, options.log);
  try {
    return await verifyOpened(log, address, options);
  } finally {
    await log.close();
  }
};

/** @param log what the address names */
export const verifyOpened = async (
  log: StoredLogReader,
  address: LogAddress,
  { since, threads, progress, log: told }: VerifyOptions,
): Promise<LogVerified> => {
  // 1. Where it begins and ends, and the seals on it.
  const findings = new Findings();
  const last = await log.last();
  const before = since === undefined ? undefined : await sealBefore(log, since).catch(() => undefined);
  const after = before?.position ?? since;
  const chain = await readChain(log, findings, since === undefined ? undefined : (before?.seal.number ?? null), progress);
  const { name } = log;
  const common = { name, after, publicKey: chain.publicKey };
  if (!last || (after !== undefined && after >= last.position))
    return {
      ...common,
      events: 0,
      until: undefined,
      unsealed: 0,
      unsealedSince: undefined,
      results: findings.results(),
      counts: { ...noCounts, open: 0 },
    };

  // 2. The events.
  const order = { log: address, after, end: last.position, seals: chain.seals };
  const parts =
    threads === 0
      ? [await checkOpened(log, { ...order, part: { index: 0, of: 1 } }, told, tellOf(progress))]
      : await inThreads(order, threads, told, progress);

  // 3. What they found, taken together.
  for (const { results } of parts) findings.add(results);
  const seal = parts.map(({ newestSeal }) => newestSeal).find((each) => each !== undefined);
  const known = chain.newest?.number ?? (since === undefined ? 0 : Infinity); // the seals after a place between two are not looked at
  if (seal && findings.results().seals.wrong === 0 && (chain.publicKey === undefined || seal.number > known))
    findings.wrong('seals', seal, `It can't be read from where it belongs: the stream ${seal.stream} was deleted, cut or changed.`);
  const counts = sum(parts);
  for (const [endpointId, each] of counts) {
    findings.checked('conservation');
    if (since === undefined && openOf(each) < 0)
      findings.wrong(
        'conservation',
        last,
        `Of the ${each.routed} deliveries that were routed to ${endpointId}, ${each.routed - openOf(each)} ended.`,
      );
  }
  const events = parts[0]?.events ?? 0;
  const sealed = chain.seals.reduce((all, { count }) => all + count, 0);
  const total = [...counts.values()].reduce(added, noCounts);
  return {
    ...common,
    events,
    until: last.position,
    unsealed: Math.max(0, events - sealed),
    unsealedSince: await firstWaiting(log, chain.newest, after),
    results: findings.results(),
    counts: { ...total, open: openOf(total) },
  };
};

const noCounts: Counts = { routed: 0, succeeded: 0, failed: 0, cancelled: 0 };
const openOf = ({ routed, succeeded, failed, cancelled }: Counts) => routed - succeeded - failed - cancelled;
const added = (a: Counts, b: Counts): Counts => ({
  routed: a.routed + b.routed,
  succeeded: a.succeeded + b.succeeded,
  failed: a.failed + b.failed,
  cancelled: a.cancelled + b.cancelled,
});

const sum = (parts: readonly PartResult[]): ReadonlyMap<EndpointId, Counts> => {
  const all = new Map<EndpointId, Counts>();
  for (const { counts } of parts)
    for (const [id, each] of counts) all.set(id as EndpointId, added(all.get(id as EndpointId) ?? noCounts, each));
  return all;
};

const step = 'checking the events';
const tellOf = (progress: VerifyOptions['progress']) => (events: number, share: number) => progress({ step, events, share });

type Chain = { readonly seals: readonly ExpectedSeal[]; readonly publicKey: string | undefined; readonly newest: Seal | undefined };

/**
 * The seals from the one after `afterSeal` on, up to the first that is not signed or does not follow the one before it.
 * @param afterSeal undefined: all; null: none, as the events do not begin where one does
 */
const readChain = async (
  log: StoredLogReader,
  findings: Findings,
  afterSeal: number | null | undefined,
  progress: VerifyOptions['progress'],
): Promise<Chain> => {
  const seals: ExpectedSeal[] = [];
  const publicKey = (await keyIn(log).catch(() => undefined))?.publicKey;
  if (publicKey === undefined || afterSeal === null) return { seals, publicKey, newest: undefined };
  const count = await sealCountIn(log);
  let newest: Seal | undefined;
  let before: SealBefore | undefined;
  for (let number = Math.max(1, afterSeal ?? 1); number <= count; number++) {
    const found = await sealIn(log, number).catch(() => undefined);
    if (!found) break; // one that is missing or can't be read is reported where all events are
    const { seal, event } = found;
    if (number !== afterSeal) {
      const mistake = mistakeIn(seal, before, publicKey);
      if (mistake) {
        findings.wrong('seals', { position: event.position, type: event.type, stream: event.stream }, mistake);
        break;
      }
      seals.push({ number, count: seal.count, root: seal.root });
      progress({ step: 'checking the seals', events: number, share: number / count });
    }
    before = asBefore(seal);
    newest = seal;
  }
  return { seals, publicKey, newest };
};

/** When the first event after the newest seal's last one was recorded that is worth a seal. */
const firstWaiting = async (log: StoredLogReader, newest: Seal | undefined, after: Position | undefined): Promise<string | undefined> => {
  const from = newest ? await sealedUpTo(log, newest) : after;
  for await (const batch of log.read(from)) {
    const event = batch.find(({ stream }) => stream !== sealingStream);
    if (event) return recordedFirst(event);
  }
  return undefined;
};

/** Of a copied event: in the log that it was copied from. */
const recordedFirst = (event: StoredEvent): string => {
  try {
    return provenanceOf(event)?.recordedAt ?? event.recordedAt;
  } catch {
    return event.recordedAt; // its metadata can't be read, which is reported where all events are
  }
};

/** Most of what is made for an event is gone with it: with room for that, it is never moved. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

const inThreads = async (
  order: Omit<CheckOrder, 'part'>,
  threads: number,
  told: VerifyOptions['log'],
  progress: VerifyOptions['progress'],
): Promise<readonly PartResult[]> => {
  const shares = Array.from({ length: threads }, () => ({ events: 0, share: 0 }));
  const workers: Worker[] = [];
  try {
    return await Promise.all(
      shares.map(
        (own, index) =>
          new Promise<PartResult>((resolve, reject) => {
            const worker = new Worker(workerFile, {
              workerData: { ...order, part: { index, of: threads } } satisfies CheckOrder,
              resourceLimits,
            });
            workers.push(worker);
            worker.on('error', reject);
            worker.on('exit', () => reject(new Error('A thread that checked the log has ended before it was done.')));
            worker.on('message', (message: FromChecker) => {
              if (message.kind === 'done') resolve(message.result);
              else if (message.kind === 'said') told.warn(message.sentence);
              else {
                Object.assign(own, { events: message.events, share: message.share });
                const slowest = shares.reduce((a, b) => (b.share < a.share ? b : a));
                progress({ step, ...slowest });
              }
            });
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
};
