// The table of event types that organizations define.
import { asOrganizationId, type OrganizationId } from '../../../domain/ids.ts';
import type { Audience } from '../../../domain/organization-events.ts';
import { organizationIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import type { Flag, Table } from './table.ts';

/** In the place of the organization: defined for all of them. */
export const sharedByAll = asOrganizationId('');

type EventTypeRow = {
  organization_id: OrganizationId;
  name: string;
  group_name: string;
  description: string | null;
  /** JSON. Null: there is no sample. */
  sample: string | null;
  audience: Audience;
  retired: Flag;
};

export const eventTypes: Table<EventTypeRow> = {
  columns: {
    organization_id: 'text',
    name: 'text',
    group_name: 'text',
    description: 'text?',
    sample: 'text?',
    audience: 'text',
    retired: 'integer',
  },
  primaryKey: ['organization_id', 'name'],
};

export const reduceEventTypes = (): Reducer => {
  const defined = new Map<string, EventTypeRow>();
  /** Retired and not defined again since. */
  const retired = new Map<string, Pick<EventTypeRow, 'organization_id' | 'name' | 'retired'>>();
  return {
    on: {
      'organization.event-type-defined': ({ stream, data }) => {
        const { name, group, description, shared, audience = 'PUBLIC' } = data;
        const sample = data.sample === null ? null : JSON.stringify(data.sample);
        const organization_id = shared ? sharedByAll : organizationIdIn(stream);
        const key = `${organization_id} ${name}`;
        defined.set(key, { organization_id, name, group_name: group, description, sample, audience, retired: 0 });
        retired.delete(key);
      },
      'organization.event-type-retired': ({ stream, data: { name, shared } }) => {
        const organization_id = shared ? sharedByAll : organizationIdIn(stream);
        retired.set(`${organization_id} ${name}`, { organization_id, name, retired: 1 });
      },
    },
    async write(tx) {
      await tx.upsert('event_types', ['organization_id', 'name'], [...defined.values()]);
      await tx.update('event_types', ['organization_id', 'name'], [...retired.values()]);
    },
  };
};
