// The table of organizations, as registered.
import type { OrganizationId } from '../../../domain/ids.ts';
import { organizationIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import { momentOf, type Milliseconds, type Table } from './table.ts';

type OrganizationRow = { id: OrganizationId; name: string; created_at: Milliseconds };

export const organizations: Table<OrganizationRow> = {
  columns: { id: 'text', name: 'text', created_at: 'int64' },
  primaryKey: ['id'],
};

export const reduceOrganizations = (): Reducer => {
  const registered: OrganizationRow[] = [];
  return {
    on: {
      'organization.registered': ({ stream, data, recordedAt }) =>
        registered.push({ id: organizationIdIn(stream), name: data.name, created_at: momentOf(recordedAt) }),
    },
    write: (tx) => tx.insert('organizations', registered),
  };
};
