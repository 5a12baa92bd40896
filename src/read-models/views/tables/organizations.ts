// The table of organizations, as they are now. The row of a deleted one stays, because its id is never used again.
import { parseJson } from '../../../domain/exact-number.ts';
import type { OrganizationId, Position } from '../../../domain/ids.ts';
import { isOrganizationEvent, organizationEvents, type OrganizationEvent } from '../../../domain/organization-events.ts';
import { organizationIdIn } from '../../../domain/streams.ts';
import { onEach, type Reducer } from './reducer.ts';
import { momentOf, type Milliseconds, type Table } from './table.ts';

type OrganizationRow = {
  id: OrganizationId;
  name: string;
  /** What a search looks through: the id and the name, in lower case. */
  search_key: string;
  /** Null: it is active. */
  suspended_at: Milliseconds | null;
  suspended_reason: string | null;
  /** JSON. */
  metadata: string;
  /** JSON of the domain's OrganizationLimits. */
  limits: string;
  created_at: Milliseconds;
  created_position: Position;
  deleted_at: Milliseconds | null;
};

export const organizations: Table<OrganizationRow> = {
  columns: {
    id: 'text',
    name: 'text',
    search_key: 'text',
    suspended_at: 'int64?',
    suspended_reason: 'text?',
    metadata: 'text',
    limits: 'text',
    created_at: 'int64',
    created_position: 'text',
    deleted_at: 'int64?',
  },
  primaryKey: ['id'],
  indexes: [{ columns: ['created_position'], queriesOnly: true }],
};

/** As `reduceOrganizations` wrote it. */
export const metadataIn = ({ metadata }: Pick<OrganizationRow, 'metadata'>) => parseJson(metadata);

type Event = OrganizationEvent & { readonly stream: string; readonly recordedAt: string; readonly position: Position };

export const reduceOrganizations = (): Reducer => {
  const events: Event[] = [];
  return {
    on: onEach(organizationEvents, (event) => {
      if (isOrganizationEvent(event)) events.push(event);
    }),
    async write(tx) {
      if (events.length === 0) return;
      const ids = Array.from(new Set(events.map(({ stream }) => organizationIdIn(stream))));
      const earlier = await tx.kysely.selectFrom('organizations').selectAll().where('id', 'in', ids).execute();
      const rows = new Map(earlier.map((row) => [row.id, row]));
      for (const event of events) {
        const id = organizationIdIn(event.stream);
        const row = evolveRow(id, rows.get(id), event);
        if (row) rows.set(id, row);
      }
      await tx.upsert('organizations', ['id'], [...rows.values()]);
    },
  };
};

const named = (id: OrganizationId, name: string) => ({ name, search_key: `${id}\n${name}`.toLowerCase() });

const evolveRow = (id: OrganizationId, before: OrganizationRow | undefined, event: Event): OrganizationRow | undefined => {
  const now = momentOf(event.recordedAt);
  if (event.type === 'organization.registered') {
    const { name, metadata = {}, limits = {} } = event.data;
    return {
      id,
      ...named(id, name),
      suspended_at: null,
      suspended_reason: null,
      metadata: JSON.stringify(metadata),
      limits: JSON.stringify(limits),
      created_at: now,
      created_position: event.position,
      deleted_at: null,
    };
  }
  if (!before) return undefined;
  switch (event.type) {
    case 'organization.renamed':
      return { ...before, ...named(id, event.data.name) };
    case 'organization.metadata-changed':
      return { ...before, metadata: JSON.stringify(event.data.metadata) };
    case 'organization.limits-changed':
      return { ...before, limits: JSON.stringify(event.data.limits) };
    case 'organization.suspended':
      return { ...before, suspended_at: now, suspended_reason: event.data.reason };
    case 'organization.resumed':
      return { ...before, suspended_at: null, suspended_reason: null };
    case 'organization.deleted':
      return { ...before, deleted_at: now };
    default:
      return before;
  }
};
