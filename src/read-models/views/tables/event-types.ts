// The table of event types that organizations define.
import type { OrganizationId } from '../../../domain/ids.ts';
import { organizationIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import type { Flag, Table } from './table.ts';

type EventTypeRow = {
  organization_id: OrganizationId;
  name: string;
  group_name: string;
  description: string | null;
  /** JSON. Null: there is no sample. */
  sample: string | null;
  retired: Flag;
};

export const eventTypes: Table<EventTypeRow> = {
  columns: {
    organization_id: 'text',
    name: 'text',
    group_name: 'text',
    description: 'text?',
    sample: 'text?',
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
        const { name, group, description } = data;
        const sample = data.sample === null ? null : JSON.stringify(data.sample);
        const organization_id = organizationIdIn(stream);
        defined.set(`${stream} ${name}`, { organization_id, name, group_name: group, description, sample, retired: 0 });
        retired.delete(`${stream} ${name}`);
      },
      'organization.event-type-retired': ({ stream, data: { name } }) =>
        retired.set(`${stream} ${name}`, { organization_id: organizationIdIn(stream), name, retired: 1 }),
    },
    async write(tx) {
      await tx.upsert('event_types', ['organization_id', 'name'], [...defined.values()]);
      await tx.update('event_types', ['organization_id', 'name'], [...retired.values()]);
    },
  };
};
