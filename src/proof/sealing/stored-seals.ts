// Reads the sealing key and the seals from a log. Their stream holds the key at revision 0, and seal n at revision n.
import type { Position } from '../../domain/ids.ts';
import { sealingEvents, type SealingKey, type Seal } from '../../domain/sealing.ts';
import { sealingKeyStream, sealingStream } from '../../domain/streams.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';

type Log = Pick<StoredLogReader, 'at'>;

/** Undefined if the log was written before Hookledger had seals. @throws Error if the event is damaged */
export const readSealingKey = async (log: Log): Promise<SealingKey | undefined> => {
  const event = await log.at(sealingStream, 0);
  if (!event) return undefined;
  const key = sealingEvents['ledger.key-created'].parse(JSON.parse(event.data));
  const rewrapped = await countEvents(log, sealingKeyStream);
  const newest = rewrapped === 0 ? undefined : await log.at(sealingKeyStream, rewrapped - 1);
  return newest ? { ...key, ...sealingEvents['ledger.key-rewrapped'].parse(JSON.parse(newest.data)) } : key;
};

/** @throws Error if the event is damaged */
export const parseSeal = (event: Pick<StoredEvent, 'data'>): Seal => sealingEvents['ledger.sealed'].parse(JSON.parse(event.data));

/** The seal of that number, and the event that holds it. */
export const readSeal = async (log: Log, number: number): Promise<{ seal: Seal; event: StoredEvent } | undefined> => {
  const event = await log.at(sealingStream, number);
  return event && { seal: parseSeal(event), event };
};

/** Binary search for the highest number for which `holds` is true; it must hold for 0, and for no number above one for which it doesn't. */
const lastWhere = async (holds: (number: number) => Promise<boolean>): Promise<number> => {
  let [yes, no] = [0, 1];
  while (await holds(no)) [yes, no] = [no, no * 2];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (await holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
};

const countEvents = (log: Log, stream: string): Promise<number> =>
  lastWhere(async (n) => n === 0 || (await log.at(stream, n - 1)) !== undefined);

export const countSeals = (log: Log): Promise<number> => lastWhere(async (number) => (await log.at(sealingStream, number)) !== undefined);

export const readNewestSeal = async (log: Log): Promise<Seal | undefined> => {
  const count = await countSeals(log);
  return count === 0 ? undefined : (await readSeal(log, count))?.seal;
};

/** The position of the last event that a seal covers. */
export const lastSealedPosition = async (log: Log, { last }: Seal): Promise<Position | undefined> =>
  (await log.at(last.stream, last.revision))?.position;

/** The newest seal whose last event is at `position` or before it, and that event's position; undefined if there is none. */
export const readNewestSealUpTo = async (log: Log, position: Position): Promise<{ seal: Seal; position: Position } | undefined> => {
  const readWithEnd = async (number: number) => {
    const found = await readSeal(log, number);
    const end = found && (await lastSealedPosition(log, found.seal));
    return found && end !== undefined ? { seal: found.seal, position: end } : undefined;
  };
  const number = await lastWhere(async (each) => {
    const found = await readWithEnd(each);
    return found !== undefined && found.position <= position;
  });
  return number === 0 ? undefined : readWithEnd(number);
};
