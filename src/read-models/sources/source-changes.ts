// What a batch of events changes in the tables of sources.
import type { SourceId } from '../../domain/ids.ts';
import type { ReadingEvent } from '../../domain/reading.ts';
import { source, type SourceConfiguration, type SourceEvent } from '../../domain/source.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Transaction } from '../engine/database/database.ts';
import type { ViewsSchema } from '../views/schema.ts';
import type { SourcesSchema } from './source-schema.ts';
import { sourceIdIn } from '../../domain/streams.ts';

type OfSources = RecordedEvent<SourceEvent | ReadingEvent>;
type Row<T extends keyof SourcesSchema> = SourcesSchema[T];

export class SourceChanges {
  private readonly events: RecordedEvent<SourceEvent>[] = [];
  private readonly readings = new Map<SourceId, Row<'readings'>>();
  private readonly skipped: Row<'skipped_events'>[] = [];

  add(event: OfSources): void {
    const { stream, revision, recordedAt } = event;
    switch (event.type) {
      case 'reading.advanced': {
        const id = sourceIdIn(stream);
        const { position, published, skipped } = event.data;
        this.readings.set(id, { source_id: id, revision, position, published, skipped, advanced_at: Date.parse(recordedAt) });
        return;
      }
      case 'reading.event-skipped': {
        const { data } = event;
        this.skipped.push({
          source_id: sourceIdIn(stream),
          revision,
          event_id: data.id,
          stream: data.stream,
          stream_revision: data.revision,
          position: data.position,
          event_type: data.type,
          reason: data.reason,
          skipped_at: Date.parse(recordedAt),
        });
        return;
      }
      default:
        this.events.push(event);
    }
  }

  async write(tx: Transaction<ViewsSchema>): Promise<void> {
    if (this.events.length > 0) await tx.upsert('sources', ['id'], await this.configured(tx));
    await tx.upsert('readings', ['source_id'], [...this.readings.values()]);
    await tx.insert('skipped_events', this.skipped);
  }

  /** The sources that the batch configures, as they are after it. Such events are rare. */
  private async configured({ kysely }: Transaction<ViewsSchema>): Promise<Row<'sources'>[]> {
    const ids = Array.from(new Set(this.events.map(({ stream }) => sourceIdIn(stream))));
    const standing = await kysely.selectFrom('sources').selectAll().where('id', 'in', ids).execute();
    const rows = new Map(standing.map((row) => [row.id, row]));
    for (const event of this.events) {
      const id = sourceIdIn(event.stream);
      const row = configure(id, rows.get(id), event);
      if (row) rows.set(id, row);
    }
    return [...rows.values()];
  }
}

const configure = (id: SourceId, before: Row<'sources'> | undefined, event: RecordedEvent<SourceEvent>): Row<'sources'> | undefined => {
  const now = Date.parse(event.recordedAt);
  const stood = before && { exists: 'yes' as const, configuration: JSON.parse(before.configuration) as SourceConfiguration };
  const state = source.evolve(stood ?? source.initial, event);
  if (state.exists !== 'yes') return before && { ...before, updated_at: now, deleted_at: now };
  const { configuration } = state;
  return {
    id,
    organization_id: configuration.organizationId,
    name: configuration.settings.name,
    configuration: JSON.stringify(configuration),
    created_at: before?.created_at ?? now,
    updated_at: now,
    deleted_at: null,
    created_position: before?.created_position ?? event.position,
  };
};
