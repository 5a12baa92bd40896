// The tables of sources, among those of the views: each source as it is, how far it has been read, and what was skipped.
import type { Kysely } from 'kysely';
import type { OrganizationId, Position, SourceId } from '../../domain/ids.ts';
import type { CheckpointSchema, Int64Type } from '../engine/database/database.ts';

/** Milliseconds since 1970. */
type Moment = number;

export type SourcesSchema = CheckpointSchema & {
  sources: {
    id: SourceId;
    organization_id: OrganizationId;
    name: string;
    /** JSON of the domain's SourceConfiguration. */
    configuration: string;
    created_at: Moment;
    updated_at: Moment;
    deleted_at: Moment | null;
    created_position: Position;
  };
  readings: {
    source_id: SourceId;
    /** Of its stream; what came later is read from there on. */
    revision: number;
    position: Position;
    published: number;
    skipped: number;
    advanced_at: Moment;
  };
  skipped_events: {
    source_id: SourceId;
    /** Of the reading's stream. */
    revision: number;
    event_id: string;
    stream: string;
    stream_revision: number;
    position: Position;
    event_type: string;
    reason: string;
    skipped_at: Moment;
  };
};

export const sourceKeys = { sources: ['id'], readings: ['source_id'], skipped_events: ['source_id', 'revision'] } as const;

export const createSourceTables = async ({ schema }: Pick<Kysely<SourcesSchema>, 'schema'>, int64: Int64Type): Promise<void> => {
  await schema
    .createTable('sources')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('organization_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('configuration', 'text', (column) => column.notNull())
    .addColumn('created_at', int64, (column) => column.notNull())
    .addColumn('updated_at', int64, (column) => column.notNull())
    .addColumn('deleted_at', int64)
    .addColumn('created_position', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createTable('readings')
    .addColumn('source_id', 'text', (column) => column.primaryKey())
    .addColumn('revision', int64, (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('published', int64, (column) => column.notNull())
    .addColumn('skipped', int64, (column) => column.notNull())
    .addColumn('advanced_at', int64, (column) => column.notNull())
    .execute();
  await schema
    .createTable('skipped_events')
    .addColumn('source_id', 'text', (column) => column.notNull())
    .addColumn('revision', int64, (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('stream_revision', int64, (column) => column.notNull())
    .addColumn('position', 'text', (column) => column.notNull())
    .addColumn('event_type', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('skipped_at', int64, (column) => column.notNull())
    .addPrimaryKeyConstraint('skipped_events_key', ['source_id', 'revision'])
    .execute();
};
