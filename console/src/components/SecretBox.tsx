// A secret that is read, shown and copied on demand. The log records that it was shown.
import { Alert, Button, Code, Group, Stack, Text, Title } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { useClient, type AnyVariables, type CombinedError, type TypedDocumentNode } from 'urql';
import { sentenceOf } from '../api/client.ts';
import { useCopy } from './use-copy.ts';

type Props<Data, Variables extends AnyVariables> = {
  readonly id: string;
  readonly title: string;
  /** The accessible name of the secret itself. */
  readonly label: string;
  readonly text: string;
  readonly query: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  readonly secretOf: (data: Data) => string | null | undefined;
  /** More buttons. */
  readonly children?: ReactNode;
};

export const SecretBox = <Data, Variables extends AnyVariables>({
  id,
  title,
  label,
  text,
  query,
  variables,
  secretOf,
  children,
}: Props<Data, Variables>) => {
  const client = useClient();
  const copy = useCopy();
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<CombinedError>();
  const read = async (): Promise<string | undefined> => {
    if (secret !== undefined) return secret;
    const answer = await client.query(query, variables, { requestPolicy: 'network-only' }).toPromise();
    setError(answer.error);
    return answer.data === undefined ? undefined : (secretOf(answer.data) ?? undefined);
  };
  const copySecret = async () => {
    const found = await read();
    if (found !== undefined) copy(found, `The ${label.toLowerCase()}`);
  };
  return (
    <Stack component="section" aria-labelledby={id} className="surface" p={{ base: 'md', sm: 'lg' }} gap="sm">
      <div>
        <Title order={2} id={id}>
          {title}
        </Title>
        <Text size="sm" c="dimmed">
          {text}
        </Text>
      </div>
      {error !== undefined && (
        <Alert color="red" variant="light" role="alert" py="xs">
          {sentenceOf(error)}
        </Alert>
      )}
      <Code block aria-label={label}>
        {secret ?? '•'.repeat(32)}
      </Code>
      <Group>
        <Button variant="default" onClick={() => (secret === undefined ? void read().then(setSecret) : setSecret(undefined))}>
          {secret === undefined ? 'Show' : 'Hide'}
        </Button>
        <Button variant="default" onClick={() => void copySecret()}>
          Copy
        </Button>
        {children}
      </Group>
    </Stack>
  );
};
