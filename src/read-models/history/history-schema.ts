// The tables of the history: which events there are, in the order of the log, and where in the log each is found. They stand beside those
// of the views, and are written with them; see docs/adr.
import type { Kysely } from 'kysely';
import type { EventName } from '../../domain/catalog.ts';
import type { OrganizationId, Position } from '../../domain/ids.ts';
import type { Int64Type } from '../engine/database/database.ts';

export type HistorySchema = {
  /** What events have in common: one small row instead of five texts in each. */
  log_kinds: {
    /** 1, 2, 3 … in the order in which they first appear. */
    id: number;
    /** Empty: of the installation, and so of all. */
    organization_id: OrganizationId | '';
    type: EventName;
    actor: string;
    /** The endpoint or the API key that the event is about. */
    subject: string | null;
    /** 1: the event has a row before this one. A message has one for each endpoint that it matched. */
    again: 0 | 1;
  };
  log_events: {
    /** Rises with the log. Microseconds since 1970, roughly: see `log_clock`. */
    sequence: number;
    kind: number;
    position: Position;
    stream: string;
    revision: number;
    /** Milliseconds since 1970. */
    recorded_at: number;
  };
  /** One row: how far a sequence has ever run ahead of its event's time, in microseconds, rounded up. A clock that is set back does that. */
  log_clock: { id: number; ahead: number };
};

export const historyKeys = { log_kinds: ['id'], log_events: ['sequence'], log_clock: ['id'] } as const;

export const createHistoryTables = async <S extends HistorySchema>({ schema }: Kysely<S>, int64: Int64Type): Promise<void> => {
  await schema
    .createTable('log_kinds')
    .addColumn('id', int64, (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('subject', 'text')
    .addColumn('again', 'integer', (column) => column.notNull())
    .execute();
  await schema
    .createTable('log_events')
    .addColumn('sequence', int64, (column) => column.primaryKey())
    .addColumn('kind', 'integer', (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addColumn('recorded_at', int64, (column) => column.notNull())
    .execute();
  await schema
    .createTable('log_clock')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('ahead', int64, (column) => column.notNull())
    .execute();
  await schema.createIndex('log_kinds_of_subject').on('log_kinds').columns(['subject']).execute();
  await schema.createIndex('log_events_of_kind').on('log_events').columns(['kind', 'sequence']).execute();
};
