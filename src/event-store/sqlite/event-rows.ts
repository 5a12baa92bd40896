// Rows of the log's table `events`, and the positions of the embedded log.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { asPosition, type Position } from '../../domain/ids.ts';
import type { StoredEvent } from '../codec.ts';

/** A row, in the order of `eventColumns`. */
export type EventRow = readonly [
  sequence: number,
  stream: string,
  revision: number,
  id: string,
  type: string,
  recordedAt: number,
  data: string,
  metadata: string,
];

export const eventColumns = 'sequence, stream, revision, id, type, recorded_at, data, metadata';

/** @param rest what follows `SELECT … FROM events` */
export const prepareEventQuery = (db: DatabaseSync, rest: string): ((...parameters: readonly SQLInputValue[]) => readonly EventRow[]) => {
  const statement = db.prepare(`SELECT ${eventColumns} FROM events ${rest}`);
  statement.setReturnArrays(true);
  // The types of node:sqlite don't know of setReturnArrays; the table is STRICT. (An iterator would take half as long again.)
  return (...parameters) => statement.all(...parameters) as unknown as readonly EventRow[];
};

/** The sequence as 16 digits: room for every safe integer, and sortable. */
export const toPosition = (sequence: number): Position => asPosition(String(sequence).padStart(16, '0'));

/** @throws RangeError if the position belongs to another kind of log */
export const toSequence = (position: Position): number => {
  if (!/^\d{16}$/.test(position)) throw new RangeError(`"${position}" is not a position of this log.`);
  return Number(position);
};

export const toStoredEvent = ([sequence, stream, revision, id, type, recordedAt, data, metadata]: EventRow): StoredEvent => ({
  id,
  type,
  data,
  metadata,
  stream,
  revision,
  position: toPosition(sequence),
  recordedAt: toIsoTime(recordedAt),
});

/** Events that were committed together share their time, so the last one is cached. */
let lastTime = { ms: Number.NaN, text: '' };
const toIsoTime = (ms: number): string => {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
};
