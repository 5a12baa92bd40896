// Why a delivery is held, in a sentence.
import type { DeliveryView } from '../../../read-models/queries/delivery-view.ts';
import type { OrganizationView } from '../../../read-models/queries/organization-list.ts';
import type { EndpointView } from '../../../read-models/queries/endpoint-queries.ts';

/** @param first the delivery that it waits for, if it waits for one */
export const heldSentence = (
  organization: OrganizationView | undefined,
  endpoint: EndpointView | undefined,
  first: DeliveryView | undefined,
): string => {
  if (organization?.status === 'SUSPENDED') return 'The organization is suspended.';
  const { status, disabledReason = null } = endpoint?.configuration ?? {};
  if (status === 'PAUSED') return 'The endpoint is paused.';
  if (status === 'DISABLED') return `The endpoint is disabled${disabledReason === null ? '' : `: ${disabledReason.replace(/\.$/, '')}`}.`;
  if (!first) return 'Deliveries before it under the same ordering key have not ended.';
  if (first.status === 'FAILED')
    return `Delivery ${first.id} comes before it under the same ordering key. It is out of attempts and holds the key until it is retried with success, or cancelled.`;
  const next = first.nextAttemptAt === null ? '' : `; its next attempt is due at ${first.nextAttemptAt}`;
  return `Delivery ${first.id} comes before it under the same ordering key and has not ended${first.status === 'RETRYING' ? next : ''}.`;
};
