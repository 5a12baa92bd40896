// Finds the key and the seals in a log: the ledger's stream holds the key at revision 0, and seal n at revision n.
import type { Position } from '../../domain/ids.ts';
import { sealingEvents, type SealingKey, type Seal } from '../../domain/sealing.ts';
import type { StoredEvent } from '../../event-store/codec.ts';
import type { StoredLogReader } from '../../event-store/stored-log.ts';
import { sealingStream } from '../../domain/streams.ts';

/** Undefined: the log is from before there were seals. @throws Error when it is damaged */
export const keyIn = async (log: Pick<StoredLogReader, 'at'>): Promise<SealingKey | undefined> => {
  const event = await log.at(sealingStream, 0);
  return event && sealingEvents['ledger.key-created'].parse(JSON.parse(event.data));
};

/** @throws Error when it is damaged */
export const sealOf = (event: Pick<StoredEvent, 'data'>): Seal => sealingEvents['ledger.sealed'].parse(JSON.parse(event.data));

/** The seal of that number, and the event that holds it. */
export const sealIn = async (log: Pick<StoredLogReader, 'at'>, number: number): Promise<{ seal: Seal; event: StoredEvent } | undefined> => {
  const event = await log.at(sealingStream, number);
  return event && { seal: sealOf(event), event };
};

/** The highest number from 0 on for which `holds` is true, which it is up to there and then no more: found in few steps, however many there are. */
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

/** How many seals the log holds. */
export const sealCountIn = (log: Pick<StoredLogReader, 'at'>): Promise<number> =>
  lastWhere(async (number) => (await log.at(sealingStream, number)) !== undefined);

export const newestSealIn = async (log: Pick<StoredLogReader, 'at'>): Promise<Seal | undefined> => {
  const count = await sealCountIn(log);
  return count === 0 ? undefined : (await sealIn(log, count))?.seal;
};

/** Where the last event stands that a seal seals. */
export const sealedUpTo = async (log: Pick<StoredLogReader, 'at'>, { last }: Seal): Promise<Position | undefined> =>
  (await log.at(last.stream, last.revision))?.position;

/** The newest seal whose last event stands at `position` or before it, and where that is; undefined: there is none. */
export const sealBefore = async (
  log: Pick<StoredLogReader, 'at'>,
  position: Position,
): Promise<{ seal: Seal; position: Position } | undefined> => {
  const endOf = async (number: number) => {
    const found = await sealIn(log, number);
    const end = found && (await sealedUpTo(log, found.seal));
    return found && end !== undefined ? { seal: found.seal, position: end } : undefined;
  };
  const number = await lastWhere(async (each) => {
    const found = await endOf(each);
    return found !== undefined && found.position <= position;
  });
  return number === 0 ? undefined : endOf(number);
};
