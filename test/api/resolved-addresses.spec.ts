// Which address an endpoint's name resolved to is shown to admins and auditors only, on every way out.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { delivery } from '../../src/domain/delivery.ts';
import type { DeliveryId, EndpointId, MessageId, OrganizationId } from '../../src/domain/ids.ts';
import { deliveryStream } from '../../src/domain/streams.ts';
import { newId } from '../../src/event-store/id-generation.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => void (api = await startApi()));
afterAll(() => api.close());

const error =
  'The address 10.11.12.13 is private and may not be called; set HOOKLEDGER_ALLOW_PRIVATE_NETWORKS to allow it (the name hooks.example resolves to it).';

/** A delivery whose attempt failed with this error, recorded as the dispatcher would. @returns its message */
const failedDelivery = async (): Promise<string> => {
  const { createEndpoint } = await api.query<{ createEndpoint: { id: EndpointId } }>(
    'mutation { createEndpoint(input: { name: "Inside", url: "https://hooks.example/in" }) { id } }',
  );
  const { publishMessages } = await api.query<{ publishMessages: [{ id: MessageId }] }>(
    'mutation { publishMessages(messages: [{ type: "some.thing", data: {} }]) { id } }',
  );
  const [{ id: messageId }] = publishMessages;
  const { message } = await api.query<{ message: { deliveries: [{ id: DeliveryId }] } }>(
    'query ($id: ID!) { message(id: $id) { deliveries { id } } }',
    { id: messageId },
  );
  const outcome = await api.executor.execute(
    {
      stream: deliveryStream(message.deliveries[0].id),
      decider: delivery,
      command: {
        type: 'RecordFailure',
        subject: { organizationId: 'default' as OrganizationId, messageId, endpointId: createEndpoint.id },
        record: {
          attempt: 1,
          startedAt: new Date().toISOString(),
          durationMs: 1,
          url: 'https://hooks.example/in',
          endpointRevision: 0,
          requestHeaders: {},
        },
        failure: 'BLOCKED_ADDRESS',
        error,
        policy: { delaysSeconds: [], jitter: 0 },
        random: 0,
      },
    },
    { actor: 'system:dispatcher', commandId: newId() },
  );
  await api.views.reached(outcome.position!, 5000);
  return messageId;
};

it('is in attempts, sentences and events for those who may see it, and for nobody else', async () => {
  const id = await failedDelivery();
  const shownTo = async (role: 'ADMIN' | 'AUDITOR' | 'VIEWER') =>
    JSON.stringify(
      await api.query(
        'query ($id: ID!) { message(id: $id) { deliveries { attempts { error } } timeline { text event { data } } } }',
        { id },
        api.keys[role],
      ),
    );
  for (const role of ['ADMIN', 'AUDITOR'] as const) expect((await shownTo(role)).split(error)).toHaveLength(4);
  const shown = await shownTo('VIEWER');
  expect(shown).not.toContain('10.11.12.13');
  expect(shown.split('The name hooks.example resolves to an address that may not be called.')).toHaveLength(4);
});
