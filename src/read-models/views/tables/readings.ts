// The tables of how far each source has been read, and of the events that became no message.
import type { Position, SourceId } from '../../../domain/ids.ts';
import { sourceIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import { momentOf, type Milliseconds, type Table } from './table.ts';

type ReadingRow = {
  source_id: SourceId;
  /** Of the reading's stream, from which later events are read. */
  revision: number;
  position: Position;
  published: number;
  skipped: number;
  advanced_at: Milliseconds;
};

type SkippedEventRow = {
  source_id: SourceId;
  /** Of the reading's stream. */
  revision: number;
  event_id: string;
  stream: string;
  stream_revision: number;
  position: Position;
  event_type: string;
  reason: string;
  skipped_at: Milliseconds;
};

export const readings: Table<ReadingRow> = {
  columns: { source_id: 'text', revision: 'int64', position: 'text', published: 'int64', skipped: 'int64', advanced_at: 'int64' },
  primaryKey: ['source_id'],
};

export const skippedEvents: Table<SkippedEventRow> = {
  columns: {
    source_id: 'text',
    revision: 'int64',
    event_id: 'text',
    stream: 'text',
    stream_revision: 'int64',
    position: 'text',
    event_type: 'text',
    reason: 'text',
    skipped_at: 'int64',
  },
  primaryKey: ['source_id', 'revision'],
};

export const reduceReadings = (): Reducer => {
  const advanced = new Map<SourceId, ReadingRow>();
  const skippedRows: SkippedEventRow[] = [];
  return {
    on: {
      'reading.advanced': ({ stream, revision, recordedAt, data }) => {
        const { position, published, skipped } = data;
        const source_id = sourceIdIn(stream);
        advanced.set(source_id, { source_id, revision, position, published, skipped, advanced_at: momentOf(recordedAt) });
      },
      'reading.event-skipped': ({ stream, revision, recordedAt, data }) =>
        skippedRows.push({
          source_id: sourceIdIn(stream),
          revision,
          event_id: data.id,
          stream: data.stream,
          stream_revision: data.revision,
          position: data.position,
          event_type: data.type,
          reason: data.reason,
          skipped_at: momentOf(recordedAt),
        }),
    },
    async write(tx) {
      await tx.upsert('readings', ['source_id'], [...advanced.values()]);
      await tx.insert('skipped_events', skippedRows);
    },
  };
};
