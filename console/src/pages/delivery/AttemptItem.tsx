// One attempt: its outcome in a line; opened, the request and the response as they were.
import { Badge, Button, Collapse, Group, SimpleGrid, Stack, Text, Title, UnstyledButton } from '@mantine/core';
import { useDisclosure, useId } from '@mantine/hooks';
import type { ResultOf } from '../../api/graphql.ts';
import { useRights } from '../../api/rights.ts';
import { CheckIcon, CopyIcon, CrossIcon } from '../../components/icons.tsx';
import { Moment } from '../../components/Moment.tsx';
import { milliseconds } from '../../components/time.ts';
import { useCopy } from '../../components/use-copy.ts';
import { failureWords } from '../deliveries/failure-words.ts';
import { headerLines, indented } from '../endpoint-form/Preview.tsx';
import { AttemptConfiguration } from './AttemptConfiguration.tsx';
import { asCurl } from './curl.ts';
import type { attemptDetails } from './delivery.query.ts';

type Attempt = ResultOf<typeof attemptDetails>;
type Props = { readonly deliveryId: string; readonly attempt: Attempt; readonly isOpen: boolean; readonly currentRevision: number };

const triggerWords = {
  SCHEDULE: 'by the schedule',
  PERSON: 'retried by a person',
  BULK_RETRY: 'by a bulk retry',
  REPLAY: 'by a replay',
  TEST: 'a test',
  PROBE: 'a probe of the open circuit',
} as const;

export const AttemptItem = ({ deliveryId, attempt, isOpen, currentRevision }: Props) => {
  const [opened, { toggle }] = useDisclosure(isOpen);
  const id = useId();
  const succeeded = attempt.failure === null;
  return (
    <li>
      <span className="rail-mark" style={{ color: succeeded ? 'var(--mantine-color-teal-6)' : 'var(--mantine-color-red-6)' }}>
        {succeeded ? <CheckIcon size={18} /> : <CrossIcon size={18} />}
      </span>
      <Stack gap="xs">
        <Group justify="space-between" gap="xs">
          <UnstyledButton onClick={toggle} aria-expanded={opened} aria-controls={id}>
            <Group gap="xs">
              <Text size="sm" fw={600}>
                Attempt {attempt.number}
              </Text>
              <Badge variant="default" radius="sm" tt="none">
                {attempt.responseCode ?? (attempt.failure === null ? 'Succeeded' : failureWords[attempt.failure])}
              </Badge>
              <Text size="sm" c="dimmed" className="numbers" component="span">
                {milliseconds(attempt.durationMs)}, {triggerWords[attempt.trigger]}
              </Text>
            </Group>
          </UnstyledButton>
          <Text size="sm" c="dimmed" component="span">
            <Moment at={attempt.startedAt} />
          </Text>
        </Group>
        {attempt.error !== null && (
          <Text size="sm" className="wrap">
            {attempt.error} {!isOpen && attempt.hint}
          </Text>
        )}
        <Collapse expanded={opened} id={id}>
          {opened && <AttemptContent deliveryId={deliveryId} attempt={attempt} currentRevision={currentRevision} />}
        </Collapse>
      </Stack>
    </li>
  );
};

const AttemptContent = ({ deliveryId, attempt, currentRevision }: Omit<Props, 'isOpen'>) => {
  const copy = useCopy();
  const seesContents = useRights().may('VIEW_PAYLOADS');
  const { revision } = attempt.configuration;
  return (
    <Stack gap="sm" align="stretch">
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md" pt={4}>
        <Stack gap="xs" miw={0}>
          <Group justify="space-between">
            <Title order={3}>Request</Title>
            <Button
              size="compact-xs"
              variant="default"
              leftSection={<CopyIcon size={13} />}
              onClick={() => copy(asCurl(attempt), 'The command')}
            >
              Copy as cURL
            </Button>
          </Group>
          <pre className="code" tabIndex={0} aria-label={`Request headers of attempt ${attempt.number}`}>
            {[`POST ${attempt.url}`, ...headerLines(attempt.requestHeaders)].join('\n')}
          </pre>
          {attempt.requestBody === null ? (
            <Text size="sm" c="dimmed">
              {!seesContents
                ? 'The body is not shown: contents are switched off in this session.'
                : attempt.bodySha256 === null
                  ? 'No body could be made.'
                  : 'The body can’t be shown: it could not be made again as it was sent.'}
            </Text>
          ) : (
            <pre className="code" tabIndex={0} aria-label={`Request body of attempt ${attempt.number}`}>
              {indented(attempt.requestBody)}
            </pre>
          )}
          <Text size="xs" c="dimmed" className="wrap">
            {attempt.bodyVerified === true &&
              attempt.requestBody !== null &&
              'This is the body that was sent: its SHA-256 is the recorded one.'}
          </Text>
        </Stack>
        <Stack gap="xs" miw={0}>
          <Title order={3}>Response</Title>
          {attempt.responseCode === null ? (
            <Text size="sm" c="dimmed">
              There was none.
            </Text>
          ) : (
            <>
              <pre className="code" tabIndex={0} aria-label={`Response headers of attempt ${attempt.number}`}>
                {[`HTTP ${attempt.responseCode}`, ...headerLines(attempt.responseHeaders)].join('\n')}
              </pre>
              {attempt.responseBody !== null && attempt.responseBody !== '' && (
                <pre className="code" tabIndex={0} aria-label={`Response body of attempt ${attempt.number}`}>
                  {indented(attempt.responseBody)}
                </pre>
              )}
              {attempt.responseTruncated === true && (
                <Text size="xs" c="dimmed">
                  Only the first 4 KiB are kept.
                </Text>
              )}
            </>
          )}
        </Stack>
      </SimpleGrid>
      <Text size="xs" c="dimmed" className="wrap">
        {revision === currentRevision
          ? 'Sent with the endpoint as it is now.'
          : `Sent with revision ${revision} of the endpoint; now it has ${currentRevision}.`}
      </Text>
      <AttemptConfiguration deliveryId={deliveryId} number={attempt.number} />
    </Stack>
  );
};
