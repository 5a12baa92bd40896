// What each organization uses: messages accepted by the hour, and deliveries that have not ended.
import type { OrganizationId } from '../../../domain/ids.ts';
import { hourOf } from './delivery-counts.ts';
import type { Handlers, Reducer } from './reducer.ts';
import { momentOf, type Table } from './table.ts';

/** `hour`: hours since 1970, by the clock of the log. */
type OrganizationHourRow = { organization_id: OrganizationId; hour: number; messages: number };
type OrganizationTotalRow = { organization_id: OrganizationId; waiting: number };

export const organizationHours: Table<OrganizationHourRow> = {
  columns: { organization_id: 'text', hour: 'integer', messages: 'int64' },
  primaryKey: ['organization_id', 'hour'],
};

export const organizationTotals: Table<OrganizationTotalRow> = {
  columns: { organization_id: 'text', waiting: 'int64' },
  primaryKey: ['organization_id'],
};

/** What the events say of a delivery, or of all deliveries of a batch. */
type Counted = { readonly organizationId: OrganizationId; readonly size?: number | undefined };
type Requested = Counted & { readonly reopened?: unknown };

export const reduceOrganizationUsage = (): Reducer => {
  const waiting = new Map<OrganizationId, number>();
  const messages = new Map<string, OrganizationHourRow>();

  const add = (id: OrganizationId, by: number): void => void waiting.set(id, (waiting.get(id) ?? 0) + by);
  const ended = ({ data: { organizationId, size = 1 } }: { readonly data: Counted }) => add(organizationId, -size);
  /** One that had ended waits again. */
  const requested = ({ data: { organizationId, size = 1, reopened } }: { readonly data: Requested }) => {
    if (reopened !== undefined) add(organizationId, size);
  };
  /** One that was out of attempts, and held its ordering key, had ended before. */
  const cancelled = ({ data }: { readonly data: Counted & { readonly failedAt?: string | undefined } }) => {
    if (data.failedAt === undefined) ended({ data });
  };

  const on: Handlers = {
    'message.accepted': ({ data: { organizationId, destinations, test }, recordedAt }) => {
      if (destinations.length > 0) add(organizationId, destinations.length);
      if (test) return;
      const hour = hourOf(momentOf(recordedAt));
      const key = `${hour} ${organizationId}`;
      const row = messages.get(key);
      if (row) row.messages++;
      else messages.set(key, { organization_id: organizationId, hour, messages: 1 });
    },
    'delivery.attempt-succeeded': ended,
    'batch.attempt-succeeded': ended,
    'delivery.exhausted': ended,
    'batch.exhausted': ended,
    'delivery.cancelled': cancelled,
    'batch.cancelled': cancelled,
    'delivery.retry-requested': requested,
    'batch.retry-requested': requested,
    'delivery.replay-requested': (event) => {
      // With a message type, the replay begins the delivery.
      if (event.data.messageType === undefined) requested(event);
      else add(event.data.organizationId, 1);
    },
    'batch.replay-requested': requested,
  };
  return {
    on,
    async write(tx) {
      await tx.add('organization_hours', ['organization_id', 'hour'], [...messages.values()]);
      const totals = Array.from(waiting, ([organization_id, change]) => ({ organization_id, waiting: change }));
      await tx.add('organization_totals', ['organization_id'], totals);
    },
  };
};
