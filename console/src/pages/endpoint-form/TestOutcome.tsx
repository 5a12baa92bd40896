// What came of a test: code, time, the sentence, what to do about it, and what the receiver answered.
import { Alert, Badge, Group, Text } from '@mantine/core';
import type { ResultOf } from '../../api/graphql.ts';
import { milliseconds } from '../../components/time.ts';
import type { testDraft } from './form.query.ts';

type Attempt = ResultOf<typeof testDraft>['testDraft']['attempt'];

export const TestOutcome = ({ attempt }: { readonly attempt: Attempt }) => {
  const succeeded = attempt.failure === null;
  return (
    <Alert color={succeeded ? 'teal' : 'red'} variant="light" py="xs" title={succeeded ? 'The receiver took it' : 'The test failed'}>
      <Group gap="xs">
        {attempt.responseCode !== null && (
          <Badge variant="default" radius="sm">
            {attempt.responseCode}
          </Badge>
        )}
        <Text size="sm" className="numbers">
          {milliseconds(attempt.durationMs)}
        </Text>
      </Group>
      {attempt.error !== null && (
        <Text size="sm" mt={4} className="wrap">
          {attempt.error}
        </Text>
      )}
      {attempt.hint !== null && (
        <Text size="sm" mt={4} fw={500} className="wrap">
          {attempt.hint}
        </Text>
      )}
      {attempt.responseBody !== null && attempt.responseBody !== '' && (
        <pre className="code" tabIndex={0} aria-label="Response body">
          {attempt.responseBody}
        </pre>
      )}
    </Alert>
  );
};
