// `Test`: one message to this endpoint as it is saved, with the type and the payload beside it. It is recorded as a test delivery.
import { Alert, Button, Group, Select, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { sentenceOf } from '../../api/client.ts';
import type { Json } from '../../api/graphql.ts';
import { useAsk } from '../../api/use-ask.ts';
import { useDeliverySignal } from '../../api/use-signal.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { SkeletonRows } from '../../components/states.tsx';
import { useChange } from '../../components/use-change.ts';
import { firstTaken, groupsOf } from '../endpoint-form/event-tree.ts';
import { TestOutcome } from '../endpoint-form/TestOutcome.tsx';
import type { Endpoint } from './EndpointPage.tsx';
import { testOutcome, testTypes, testWith } from './endpoint.query.ts';

const example = { example: true };

export const TestTab = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { data } = useAsk(testTypes, {});
  const [test, isSending] = useChange(testWith, ['Delivery']);
  const [chosen, setChosen] = useState<string>();
  const [written, setWritten] = useState<string>();
  const [refusal, setRefusal] = useState<string>();
  const [deliveryId, setDeliveryId] = useState<string>();
  if (!data) return <SkeletonRows rows={4} />;
  const types = data.eventTypes.filter(({ retired }) => !retired);
  const type = types.find(({ name }) => name === (chosen ?? firstTaken(endpoint.eventTypes, groupsOf(types)))) ?? types[0];
  const payload = written ?? JSON.stringify(type?.sample ?? example, null, 2);
  const run = async () => {
    setRefusal(undefined);
    setDeliveryId(undefined);
    let content: Json;
    try {
      content = parseJson(payload);
    } catch {
      return setRefusal('The payload is no JSON.');
    }
    const { data: sent, error } = await test({ id: endpoint.id, eventType: type?.name ?? null, data: content });
    if (error) return setRefusal(sentenceOf(error));
    return setDeliveryId(sent.testEndpoint.id);
  };
  return (
    <Stack className="surface" p="md" maw={760}>
      <Text size="sm" c="dimmed">
        One request, now, in this endpoint’s format and with its signature. It counts in no success rate.
      </Text>
      <Group gap="xs" align="flex-end">
        <Select
          label="Event type"
          searchable
          allowDeselect={false}
          data={types.length === 0 ? ['example.event'] : types.map(({ name }) => name)}
          value={type?.name ?? 'example.event'}
          onChange={(value) => {
            setChosen(value ?? undefined);
            setWritten(undefined);
          }}
          style={{ flex: '1 1 12rem' }}
        />
        <Button loading={isSending} onClick={() => void run()}>
          Test
        </Button>
      </Group>
      <Textarea
        label="Payload"
        classNames={{ input: 'mono' }}
        autosize
        minRows={4}
        maxRows={16}
        spellCheck={false}
        value={payload}
        onChange={({ currentTarget }) => setWritten(currentTarget.value)}
      />
      <div aria-live="polite">
        {refusal !== undefined && (
          <Alert color="red" variant="light" py="xs">
            {refusal}
          </Alert>
        )}
        {deliveryId !== undefined && <Outcome id={deliveryId} endpointId={endpoint.id} />}
      </div>
    </Stack>
  );
};

const Outcome = ({ id, endpointId }: { readonly id: string; readonly endpointId: string }) => {
  const { data, askAgain } = useAsk(testOutcome, { id }, { typenames: ['Delivery'], isLive: true });
  useDeliverySignal({ endpointId, test: true }, askAgain);
  const attempt = data?.delivery?.attempts.at(-1);
  return (
    <Stack gap="xs">
      {attempt === undefined ? <Text size="sm">It is on its way …</Text> : <TestOutcome attempt={attempt} />}
      <LinkTo to="/deliveries/$deliveryId" params={{ deliveryId: id }} size="sm">
        Open the delivery
      </LinkTo>
    </Stack>
  );
};
