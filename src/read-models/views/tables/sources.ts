// The table of sources: the current settings of each, also of deleted ones.
import type { OrganizationId, Position, SourceId } from '../../../domain/ids.ts';
import { source, sourceEvents, type SourceConfiguration, type SourceEvent } from '../../../domain/source.ts';
import { sourceIdIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { onEach, type Reducer } from './reducer.ts';
import type { Milliseconds, Table } from './table.ts';

export type SourceRow = {
  id: SourceId;
  organization_id: OrganizationId;
  name: string;
  /** JSON of the domain's SourceConfiguration. */
  configuration: string;
  created_at: Milliseconds;
  updated_at: Milliseconds;
  deleted_at: Milliseconds | null;
  created_position: Position;
};

export const sources: Table<SourceRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    name: 'text',
    configuration: 'text',
    created_at: 'int64',
    updated_at: 'int64',
    deleted_at: 'int64?',
    created_position: 'text',
  },
  primaryKey: ['id'],
};

/** As `reduceSources` wrote it. */
export const sourceConfigurationIn = (configuration: string) => JSON.parse(configuration) as SourceConfiguration;

export const reduceSources = (): Reducer => {
  const events: RecordedEvent<SourceEvent>[] = [];
  return {
    on: onEach(sourceEvents, (event) => events.push(event)),
    async write(tx) {
      if (events.length === 0) return;
      const ids = Array.from(new Set(events.map(({ stream }) => sourceIdIn(stream))));
      const earlier = await tx.kysely.selectFrom('sources').selectAll().where('id', 'in', ids).execute();
      const rows = new Map(earlier.map((row) => [row.id, row]));
      for (const event of events) {
        const id = sourceIdIn(event.stream);
        const row = evolveRow(id, rows.get(id), event);
        if (row) rows.set(id, row);
      }
      await tx.upsert('sources', ['id'], [...rows.values()]);
    },
  };
};

/** Undefined: there is no such source, before or after the event. */
const evolveRow = (id: SourceId, before: SourceRow | undefined, event: RecordedEvent<SourceEvent>): SourceRow | undefined => {
  const now = Date.parse(event.recordedAt);
  const configured = before && { exists: 'yes' as const, configuration: sourceConfigurationIn(before.configuration) };
  const state = source.evolve(configured ?? source.initial, event);
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
