// Records a failed attempt as the dispatcher would.
import { delivery } from '../../src/domain/delivery.ts';
import { asDeliveryId, asEndpointId, asMessageId, asOrganizationId } from '../../src/domain/ids.ts';
import { deliveryStream } from '../../src/domain/streams.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import type { ApiServer } from './api-server.ts';

/** The first of its message. @returns the id of the delivery */
export const recordFailure = async (api: ApiServer, messageId: string, endpointId: string): Promise<string> => {
  const { message } = await api.query<{ message: { deliveries: { id: string }[] } }>(
    'query ($id: ID!) { message(id: $id) { deliveries { id endpoint { id } } } }',
    { id: messageId },
  );
  const id = asDeliveryId(message.deliveries[0]!.id);
  const subject = { organizationId: asOrganizationId('default'), messageId: asMessageId(messageId), endpointId: asEndpointId(endpointId) };
  const record = {
    attempt: 1,
    startedAt: new Date().toISOString(),
    durationMs: 3,
    url: 'https://bravo.example/in',
    endpointRevision: 0,
    requestHeaders: {},
  };
  const error = 'No connection to bravo.example: connect ECONNREFUSED 10.1.2.3:443.';
  const command = {
    type: 'RecordFailure',
    subject,
    record,
    failure: 'CONNECTION',
    error,
    policy: { delaysSeconds: [0, 60], jitter: 0 },
    random: 0,
  } as const;
  await api.executor.execute({ stream: deliveryStream(id), decider: delivery, command }, { actor: 'system:test', commandId: newId() });
  return id;
};
