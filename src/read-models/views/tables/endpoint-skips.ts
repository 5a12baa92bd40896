// The table of what disabled endpoints miss: how many messages matched since each was disabled. The count stays when it is enabled,
// so that they can still be sent, until it is disabled again.
import type { EndpointId, OrganizationId } from '../../../domain/ids.ts';
import { endpointIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import type { Table } from './table.ts';

type EndpointSkipsRow = { endpoint_id: EndpointId; organization_id: OrganizationId; skipped: number };

export const endpointSkips: Table<EndpointSkipsRow> = {
  columns: { endpoint_id: 'text', organization_id: 'text', skipped: 'int64' },
  primaryKey: ['endpoint_id'],
};

type Skips = { organizationId: OrganizationId | undefined; skipped: number; isNew: boolean };

export const reduceEndpointSkips = (): Reducer => {
  const changed = new Map<EndpointId, Skips>();
  const of = (id: EndpointId): Skips => {
    let found = changed.get(id);
    if (!found) changed.set(id, (found = { organizationId: undefined, skipped: 0, isNew: false }));
    return found;
  };
  return {
    on: {
      'message.accepted': ({ data }) => {
        for (const id of data.skipped) {
          const skips = of(id);
          skips.organizationId = data.organizationId;
          skips.skipped++;
        }
      },
      'endpoint.disabled': ({ stream }) => {
        const skips = of(endpointIdIn(stream));
        skips.skipped = 0;
        skips.isNew = true;
      },
    },
    async write(tx) {
      if (changed.size === 0) return;
      const earlier = await tx.find('endpoint_skips', 'endpoint_id', [...changed.keys()], ['endpoint_id', 'organization_id', 'skipped']);
      const before = new Map(earlier.map((row) => [row.endpoint_id, row]));
      const rows = Array.from(changed, ([endpoint_id, { organizationId, skipped, isNew }]) => {
        const row = before.get(endpoint_id);
        const organization_id = organizationId ?? row?.organization_id;
        return organization_id && { endpoint_id, organization_id, skipped: skipped + (isNew ? 0 : (row?.skipped ?? 0)) };
      });
      await tx.upsert(
        'endpoint_skips',
        ['endpoint_id'],
        rows.filter((row) => row !== undefined),
      );
    },
  };
};
