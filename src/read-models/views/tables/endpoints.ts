// The table of endpoints: the current configuration of each, also of deleted ones.
import { endpointEvents, type EndpointEvent } from '../../../domain/endpoint-events.ts';
import { endpoint, type EndpointConfiguration, type EndpointStatus } from '../../../domain/endpoint.ts';
import { parseJson } from '../../../domain/exact-number.ts';
import type { EndpointId, OrganizationId, Position } from '../../../domain/ids.ts';
import { endpointIdIn } from '../../../domain/streams.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import { onEach, type Reducer } from './reducer.ts';
import { momentOf, type Milliseconds, type Table } from './table.ts';

type EndpointRow = {
  id: EndpointId;
  organization_id: OrganizationId;
  name: string;
  status: EndpointStatus;
  /** JSON of the domain's EndpointConfiguration. Secrets and header values are encrypted. */
  configuration: string;
  created_at: Milliseconds;
  updated_at: Milliseconds;
  /** The row stays, because deliveries still name the endpoint. */
  deleted_at: Milliseconds | null;
  created_position: Position;
  /** Of the endpoint's stream. */
  revision: number;
};

export const endpoints: Table<EndpointRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    name: 'text',
    status: 'text',
    configuration: 'text',
    created_at: 'int64',
    updated_at: 'int64',
    deleted_at: 'int64?',
    created_position: 'text',
    revision: 'integer',
  },
  primaryKey: ['id'],
  indexes: [{ columns: ['organization_id', 'created_position'] }],
};

/** As `reduceEndpoints` wrote it. */
export const endpointConfigurationIn = ({ configuration }: Pick<EndpointRow, 'configuration'>) =>
  parseJson(configuration) as EndpointConfiguration;

export const reduceEndpoints = (): Reducer => {
  const events: RecordedEvent<EndpointEvent>[] = [];
  return {
    on: onEach(endpointEvents, (event) => events.push(event)),
    async write(tx) {
      if (events.length === 0) return;
      const ids = Array.from(new Set(events.map(({ stream }) => endpointIdIn(stream))));
      const earlier = await tx.kysely.selectFrom('endpoints').selectAll().where('id', 'in', ids).execute();
      const rows = new Map(earlier.map((row) => [row.id, row]));
      for (const event of events) {
        const id = endpointIdIn(event.stream);
        const row = evolveRow(id, rows.get(id), event);
        if (row) rows.set(id, row);
      }
      await tx.upsert('endpoints', ['id'], [...rows.values()]);
    },
  };
};

/** Undefined: there is no such endpoint, before or after the event. */
const evolveRow = (id: EndpointId, before: EndpointRow | undefined, event: RecordedEvent<EndpointEvent>): EndpointRow | undefined => {
  const now = momentOf(event.recordedAt);
  const configured = before && { exists: 'yes' as const, configuration: endpointConfigurationIn(before) };
  const state = endpoint.evolve(configured ?? endpoint.initial, event);
  if (state.exists !== 'yes') return before && { ...before, updated_at: now, deleted_at: now, revision: event.revision };
  const { organizationId, settings, status } = state.configuration;
  return {
    id,
    organization_id: organizationId,
    name: settings.name,
    status,
    configuration: JSON.stringify(state.configuration),
    created_at: before?.created_at ?? now,
    updated_at: now,
    deleted_at: null,
    created_position: before?.created_position ?? event.position,
    revision: event.revision,
  };
};
