// Copying a log: every event with its id, stream, revision, place in the order, and the time at which it was recorded, into an empty log. What was
// interrupted goes on where it stopped; at the end both logs are read again and compared.
import type { Position } from '../domain/ids.ts';
import type { StoredEvent } from './codec.ts';
import { toCopiedEvent, provenanceOf } from './provenance.ts';
import { LogUnusable } from './event-store.ts';
import type { EventToStore, StoredLogReader, StoredLog } from './stored-log.ts';

export type Progress = {
  readonly step: 'copying' | 'verifying';
  /** Events of this step so far. */
  readonly events: number;
  /** From 0 to 1. */
  readonly share: number;
};

export type CopyResult = {
  /** In both logs. */
  readonly events: number;
  /** Of those, copied this time. */
  readonly copied: number;
};

/** @throws LogUnusable, LogUnavailable; the same call goes on where it stopped. Ends early, without a result, when `signal` aborts. */
export const copyLog = async (
  from: StoredLogReader,
  to: StoredLog,
  { progress, signal }: { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal },
): Promise<CopyResult | undefined> => {
  // 1. Where did it stop, if it had begun? Somebody may still write to the log: it is copied until there is nothing more.
  let after = await reachedIn(to, from);
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
  // 2. Is it the same?
  const events = await verify(from, to, { progress, signal });
  return events === undefined ? undefined : { events, copied };
};

/** The place in the log that is copied up to which the copy is. @throws LogUnusable when the copy is none of this log */
const reachedIn = async (to: StoredLog, from: StoredLogReader): Promise<Position | undefined> => {
  const last = await to.last();
  if (!last) return undefined;
  const reached = copiedOrNot(last)?.positions.at(-1);
  if (reached === undefined)
    throw new LogUnusable(`${to.name} holds events of its own. A log is copied into an empty one: another folder, prefix or server.`);
  const original = await from.at(last.stream, last.revision);
  if (original?.id !== last.id || original.position !== reached)
    throw new LogUnusable(`${to.name} holds a copy of another log than ${from.name}. Name an empty log: another folder, prefix or server.`);
  return reached;
};

const copiedOrNot = (event: StoredEvent) => {
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

/** Reads both from the start, in step. @returns how many events there are; undefined when aborted. @throws LogUnusable at the first difference */
const verify = async (
  from: StoredLogReader,
  to: StoredLog,
  { progress, signal }: { readonly progress: (progress: Progress) => void; readonly signal: AbortSignal },
): Promise<number | undefined> => {
  const end = await from.last();
  const copies = eachOf(to);
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
        `${to.name} holds more than ${from.name}: somebody writes to it. Stop what uses it, and copy into an empty log.`,
      );
    return events;
  } finally {
    await copies.return(undefined);
  }
};

async function* eachOf(log: StoredLogReader): AsyncGenerator<StoredEvent, undefined> {
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

/** A server keeps the value, not the spaces. */
const isSameJson = (a: string, b: string) => a === b || JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b));
