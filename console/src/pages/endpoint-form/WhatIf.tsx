// Before saving: of the last 100 messages, how many more and how many fewer would go to the endpoint; and each message's body as it is and as it would be.
import { Alert, Modal, SimpleGrid, Stack, Text, Title, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { useClient, type CombinedError } from 'urql';
import { sentenceOf } from '../../api/client.ts';
import { Moment } from '../../components/Moment.tsx';
import { SkeletonRows } from '../../components/states.tsx';
import { useOneAtATime } from '../../components/use-one-at-a-time.ts';
import { previewEndpoint } from './form.query.ts';
import { previewInputOf, unreadableJson, type EndpointInput, type FormValues } from './form-values.ts';
import { indented } from './Preview.tsx';
import { affectedBy, countOf, type Affected } from './what-if.ts';
import { pastMessage, whatIfQuery } from './what-if.query.ts';

type Props = { readonly values: FormValues; readonly saved: FormValues | undefined };
type Shown = { readonly looked: number; readonly affected: readonly Affected[] } | { readonly error: CombinedError };

const mostShown = 8;
/** Which messages match has nothing to do with where they go. */
const anywhere = 'https://example.com/';

/** Only what decides which messages it gets, so that nothing else asks again. */
const matchingOf = (values: FormValues): EndpointInput => {
  const { eventTypes, filter } = previewInputOf(values);
  return { name: 'Draft', url: anywhere, eventTypes: eventTypes ?? null, filter: filter ?? null };
};

export const WhatIf = ({ values, saved }: Props) => {
  const client = useClient();
  const [opened, setOpened] = useState<Affected>();
  const isReadable = Object.keys(unreadableJson(values)).length === 0;
  const before = saved === undefined ? undefined : matchingOf(saved);
  const key = isReadable ? JSON.stringify(matchingOf(values)) : undefined;
  const shown = useOneAtATime(key, async (asked): Promise<Shown> => {
    const received = (endpoint: EndpointInput) => client.query(whatIfQuery, { endpoint }, { requestPolicy: 'network-only' }).toPromise();
    const [after, old] = [await received(JSON.parse(asked) as EndpointInput), before && (await received(before))];
    const error = after.error ?? old?.error;
    if (error) return { error };
    return {
      looked: after.data?.whatIf.looked ?? 0,
      affected: affectedBy(old?.data?.whatIf.messages, after.data?.whatIf.messages ?? []),
    };
  });
  if (shown === undefined) return null;
  return (
    <Stack className="surface" p="md" gap="xs" component="section" aria-label="What would change">
      <Title order={2}>What would change</Title>
      {'error' in shown ? (
        <Text size="sm" c="dimmed">
          {sentenceOf(shown.error)}
        </Text>
      ) : (
        <Effects {...shown} isNew={saved === undefined} onOpen={setOpened} />
      )}
      {opened !== undefined && <Bodies message={opened} values={values} saved={saved} onClose={() => setOpened(undefined)} />}
    </Stack>
  );
};

type EffectsProps = {
  readonly looked: number;
  readonly affected: readonly Affected[];
  readonly isNew: boolean;
  readonly onOpen: (message: Affected) => void;
};

const effectWords = { more: 'more', fewer: 'fewer', same: 'as before' } as const;

const Effects = ({ looked, affected, isNew, onOpen }: EffectsProps) => {
  if (looked === 0)
    return (
      <Text size="sm" c="dimmed">
        No message was published yet.
      </Text>
    );
  const of = looked === 1 ? 'the last message' : `the last ${looked} messages`;
  return (
    <>
      <Text size="sm" role="status">
        {isNew
          ? `Of ${of} it would have got ${affected.length}.`
          : `Of ${of}: ${countOf(affected, 'more')} more, ${countOf(affected, 'fewer')} fewer, ${countOf(affected, 'same')} as before.`}
      </Text>
      <Stack gap={2} component="ul" className="plain-list">
        {affected.slice(0, mostShown).map((message) => (
          <li key={message.id}>
            <UnstyledButton className="what-if-row" onClick={() => onOpen(message)}>
              <span className="cut mono">{message.eventType}</span>
              {!isNew && <span className="what-if-effect">{effectWords[message.effect]}</span>}
              <span className="what-if-effect">
                <Moment at={message.acceptedAt} />
              </span>
            </UnstyledButton>
          </li>
        ))}
      </Stack>
      {affected.length > mostShown && (
        <Text size="xs" c="dimmed">
          and {affected.length - mostShown} more messages
        </Text>
      )}
    </>
  );
};

type BodiesProps = Props & { readonly message: Affected; readonly onClose: () => void };
type Body = { readonly text: string } | { readonly error: string } | { readonly none: string };

const Bodies = ({ message, values, saved, onClose }: BodiesProps) => {
  const client = useClient();
  const bodies = useOneAtATime(message.id, async (id) => {
    const past = await client.query(pastMessage, { id }).toPromise();
    const found = past.data?.message;
    if (!found) return { before: undefined, after: { error: past.error ? sentenceOf(past.error) : 'The message is gone.' } };
    const { clientId, eventType: type, timestamp, data } = found;
    const bodyBy = async (of: FormValues): Promise<Body> => {
      const input = { ...previewInputOf(of), ...(of.url.trim() === '' && { url: anywhere }) };
      const answer = await client
        .mutation(previewEndpoint, { input, message: { type, timestamp, data, ...(clientId !== null && { id: clientId }) } })
        .toPromise();
      if (answer.error) return { error: sentenceOf(answer.error) };
      if (answer.data?.previewEndpoint.matches !== true) return { none: 'It does not get this message.' };
      return { text: indented(answer.data.previewEndpoint.body) };
    };
    return { before: saved && (await bodyBy(saved)), after: await bodyBy(values) };
  });
  return (
    <Modal opened onClose={onClose} title={message.eventType} size="80rem" closeButtonProps={{ 'aria-label': 'Close' }}>
      {bodies === undefined ? (
        <SkeletonRows rows={4} />
      ) : (
        <SimpleGrid cols={{ base: 1, md: bodies.before === undefined ? 1 : 2 }}>
          {bodies.before !== undefined && <BodyOf title="Now" body={bodies.before} />}
          <BodyOf title={saved === undefined ? 'Its body' : 'As the form says'} body={bodies.after} />
        </SimpleGrid>
      )}
    </Modal>
  );
};

const BodyOf = ({ title, body }: { readonly title: string; readonly body: Body }) => (
  <Stack gap="xs" miw={0}>
    <Title order={3}>{title}</Title>
    {'text' in body ? (
      <pre className="code" tabIndex={0} aria-label={title}>
        {body.text}
      </pre>
    ) : (
      <Alert color={'error' in body ? 'red' : 'gray'} variant="light">
        {'error' in body ? body.error : body.none}
      </Alert>
    )}
  </Stack>
);
