// The tables of endpoints: the current configuration of each, also of deleted ones, and what each subscribes to.
import { endpointEvents, type EndpointEvent } from '../../../domain/endpoint-events.ts';
import { shownUrlOf } from '../../../domain/endpoint-url.ts';
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
  /** For order and search: the name in small letters. */
  name_key: string;
  /** For search: the name and the form of the URL that everybody is shown, a line each, in small letters. */
  search_key: string;
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
  audience: 'PUBLIC' | null;
};

export const endpoints: Table<EndpointRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    name: 'text',
    name_key: 'text',
    search_key: 'text',
    status: 'text',
    configuration: 'text',
    created_at: 'int64',
    updated_at: 'int64',
    deleted_at: 'int64?',
    created_position: 'text',
    revision: 'integer',
    audience: 'text?',
  },
  primaryKey: ['id'],
  indexes: [
    { columns: ['organization_id', 'created_position'] },
    { name: 'endpoints_by_name', columns: ['organization_id', 'name_key', 'created_position'], queriesOnly: true },
  ],
};

/** Without those of deleted endpoints. */
type SubscriptionRow = { organization_id: OrganizationId; endpoint_id: EndpointId; entry: string };

export const endpointSubscriptions: Table<SubscriptionRow> = {
  columns: { organization_id: 'text', endpoint_id: 'text', entry: 'text' },
  primaryKey: ['endpoint_id', 'entry'],
  indexes: [{ columns: ['organization_id', 'entry', 'endpoint_id'], queriesOnly: true }],
};

/** In what order names stand, and how they are searched: any case. */
export const textKey = (text: string): string => text.normalize('NFC').toLowerCase();

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
      const resubscribed = new Set(events.flatMap(({ type, stream }) => (subscribing.has(type) ? [endpointIdIn(stream)] : [])));
      await tx.delete('endpoint_subscriptions', 'endpoint_id', [...resubscribed]);
      await tx.insert(
        'endpoint_subscriptions',
        [...rows.values()].flatMap((row) => (resubscribed.has(row.id) ? subscriptionsOf(row) : [])),
      );
    },
  };
};

const subscribing: ReadonlySet<string> = new Set([
  'endpoint.registered',
  'endpoint.subscription-changed',
  'endpoint.deleted',
] satisfies EndpointEvent['type'][]);

const subscriptionsOf = (row: EndpointRow): SubscriptionRow[] => {
  if (row.deleted_at !== null) return [];
  const { eventTypes } = endpointConfigurationIn(row).settings;
  return Array.from(new Set(eventTypes), (entry) => ({ organization_id: row.organization_id, endpoint_id: row.id, entry }));
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
    name_key: textKey(settings.name),
    search_key: textKey(`${settings.name}\n${shownUrlOf(settings.url)}`),
    status,
    configuration: JSON.stringify(state.configuration),
    created_at: before?.created_at ?? now,
    updated_at: now,
    deleted_at: null,
    created_position: before?.created_position ?? event.position,
    revision: event.revision,
    audience: state.configuration.audience ?? null,
  };
};
