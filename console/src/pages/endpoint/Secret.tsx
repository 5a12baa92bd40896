// The secret that signs for an endpoint, shown on demand: the log records each look.
import { Alert, Button, Code, Group, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useClient, type CombinedError } from 'urql';
import { sentenceOf } from '../../api/client.ts';
import { graphql } from '../../api/graphql.ts';
import { useCopy } from '../../components/use-copy.ts';

const secretQuery = graphql(`
  query EndpointSecret($id: ID!) {
    endpoint(id: $id) {
      id
      secret
    }
  }
`);

export const Secret = ({ endpointId }: { readonly endpointId: string }) => {
  const client = useClient();
  const copy = useCopy();
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<CombinedError>();
  const read = async (): Promise<string | undefined> => {
    if (secret !== undefined) return secret;
    const answer = await client.query(secretQuery, { id: endpointId }, { requestPolicy: 'network-only' }).toPromise();
    setError(answer.error);
    return answer.data?.endpoint?.secret ?? undefined;
  };
  const copySecret = async () => {
    const found = await read();
    if (found !== undefined) copy(found, 'The secret');
  };
  return (
    <Stack component="section" aria-labelledby="secret" className="surface" p="md" gap="sm">
      <div>
        <Title order={2} id="secret">
          Secret
        </Title>
        <Text size="sm" c="dimmed">
          The receiver checks the signature with it. Each look at it is recorded.
        </Text>
      </div>
      {error !== undefined && (
        <Alert color="red" variant="light" role="alert" py="xs">
          {sentenceOf(error)}
        </Alert>
      )}
      <Code block aria-label="Secret">
        {secret ?? '•'.repeat(32)}
      </Code>
      <Group>
        <Button variant="default" onClick={() => (secret === undefined ? void read().then(setSecret) : setSecret(undefined))}>
          {secret === undefined ? 'Show' : 'Hide'}
        </Button>
        <Button variant="default" onClick={() => void copySecret()}>
          Copy
        </Button>
      </Group>
    </Stack>
  );
};
