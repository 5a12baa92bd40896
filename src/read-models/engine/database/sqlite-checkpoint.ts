// Reading and setting the checkpoint in an SQLite file.
import type { StatementSync } from 'node:sqlite';
import { position, type Position } from '../../../domain/ids.ts';

export const selectCheckpoint = 'SELECT position FROM checkpoint';
export const setCheckpoint = 'INSERT INTO checkpoint VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position';

/** Undefined: no event has been applied. */
export const checkpointFrom = (row: Readonly<Record<string, unknown>> | undefined): Position | undefined =>
  row && position.parse(row['position']);

export const checkpointOn = (db: { prepare(sql: string): StatementSync }): Position | undefined =>
  checkpointFrom(db.prepare(selectCheckpoint).get());
