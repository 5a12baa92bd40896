// Copies a log into an empty one: every event with its id, stream, revision, order, and the time at which it was recorded. An interrupted copy
// continues where it stopped. At the end both logs are read again and compared.
import { parseJson } from '../domain/exact-number.ts';
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';
import { toCopiedEvent, provenanceOf } from './provenance.ts';
import { LogUnusable } from './event-store.ts';
import type { EventToStore, StoredLogReader, StoredLog } from './stored-log.ts';

export type Progress = {
  readonly step: 'copying' | 'verifying';
  /** Events processed in this step so far. */
  readonly events: number;
  /** From 0 to 1. */
  readonly share: number;
};

type CopyResult = {
  /** The events in each log. */
  readonly events: number;
  /** The events copied by this call. */
  readonly copied: number;
};

/** After LogUnavailable, the same call continues where it stopped. Returns undefined if `signal` aborts. @throws LogUnusable, LogUnavailable */
export const copyLog = async (
  from: StoredLogReader,
  to: StoredLog,
  { progress, signal }: { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal },
): Promise<CopyResult | undefined> => {
  // 1. Copy, from where an earlier call stopped, until nothing is left: the log may still grow.
  let after = await copiedUpTo(to, from);
  let copied = 0;
  for (let end = await from.last(); end !== undefined && (after === undefined || after < end.position); end = await from.last()) {
    for await (const events of from.read(after)) {
      if (signal.aborted) return undefined;
      await to.append(events.map((event) => toCopy(event, from)));
      copied += events.length;
      after = events.at(-1)?.position ?? after;
      if (after !== undefined) progress({ step: 'copying', events: copied, share: Math.min(1, from.share(after, end.position)) });
    }
  }
  // 2. Compare.
  const events = await verify(from, to, { progress, signal });
  return events === undefined ? undefined : { events, copied };
};

/** The position in `from` that the copy has reached. @throws LogUnusable if `to` is not a copy of `from` */
const copiedUpTo = async (to: StoredLog, from: StoredLogReader): Promise<Position | undefined> => {
  const last = await to.last();
  if (!last) return undefined;
  const reached = provenanceIfReadable(last)?.positions.at(-1);
  if (reached === undefined)
    throw new LogUnusable(`${to.name} holds events of its own. Copy into an empty log: another folder, prefix or server.`);
  const original = await from.at(last.stream, last.revision);
  if (original?.id !== last.id || original.position !== reached)
    throw new LogUnusable(
      `${to.name} holds a copy of a log other than ${from.name}. Copy into an empty log: another folder, prefix or server.`,
    );
  return reached;
};

const provenanceIfReadable = (event: StoredEvent) => {
  try {
    return provenanceOf(event);
  } catch {
    return undefined;
  }
};

const toCopy = (event: StoredEvent, { name }: Pick<StoredLogReader, 'name'>): EventToStore => {
  try {
    JSON.parse(event.data);
    return toCopiedEvent(event);
  } catch (error) {
    const where = `The event at position ${event.position} of ${name} (${event.type} in ${event.stream})`;
    throw new LogUnusable(`${where} can't be copied: its data or metadata is not JSON.`, { cause: error });
  }
};

/** Reads both logs from the start, in step. @returns the number of events; undefined if aborted. @throws LogUnusable at the first difference */
const verify = async (
  from: StoredLogReader,
  to: StoredLog,
  { progress, signal }: { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal },
): Promise<number | undefined> => {
  const end = await from.last();
  const copies = eventsOf(to);
  let events = 0;
  try {
    for await (const originals of from.read(undefined)) {
      for (const original of originals) {
        const { value: copy } = await copies.next();
        if (!copy || !isSame(toCopy(original, from), copy))
          throw new LogUnusable(
            `${to.name} differs from ${from.name} at event ${events + 1} (${original.type} in ${original.stream}, position ${original.position}). Copy again, into an empty log.`,
          );
        events += 1;
      }
      if (signal.aborted) return undefined;
      const last = originals.at(-1);
      if (end && last) progress({ step: 'verifying', events, share: Math.min(1, from.share(last.position, end.position)) });
    }
    const { done } = await copies.next();
    if (!done)
      throw new LogUnusable(
        `${to.name} holds more events than ${from.name}: something else writes to it. Stop it, and copy into an empty log.`,
      );
    return events;
  } finally {
    await copies.return(undefined);
  }
};

async function* eventsOf(log: StoredLogReader): AsyncGenerator<StoredEvent, undefined> {
  for await (const events of log.read(undefined)) yield* events;
  return undefined;
}

const isSame = (expected: EventToStore, found: StoredEvent): boolean =>
  expected.id === found.id &&
  expected.stream === found.stream &&
  expected.revision === found.revision &&
  expected.type === found.type &&
  isSameJson(expected.data, found.data) &&
  isSameJson(expected.metadata, found.metadata);

/** A server stores the value of JSON, not its spaces. */
const isSameJson = (a: string, b: string) => a === b || JSON.stringify(parseJson(a)) === JSON.stringify(parseJson(b));
