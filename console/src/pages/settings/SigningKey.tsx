// The integration signing key: one key for all endpoints that sign with it. Shown on demand, copied, and reset.
import { Alert, Button, Code, Group, List, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useClient, type CombinedError } from 'urql';
import { sentenceOf } from '../../api/client.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import { resetSigningKey, signedEndpoints, signingKeyQuery } from './settings.query.ts';

export const SigningKey = () => {
  const client = useClient();
  const copy = useCopy();
  const [key, setKey] = useState<string>();
  const [error, setError] = useState<CombinedError>();
  const [isAsking, { open, close }] = useDisclosure(false);
  const read = async (): Promise<string | undefined> => {
    if (key !== undefined) return key;
    const answer = await client.query(signingKeyQuery, {}, { requestPolicy: 'network-only' }).toPromise();
    setError(answer.error);
    return answer.data?.organization.signingKey;
  };
  const copyKey = async () => {
    const found = await read();
    if (found !== undefined) copy(found, 'The signing key');
  };
  return (
    <Stack component="section" aria-labelledby="signing-key" className="surface" p={{ base: 'md', sm: 'lg' }} gap="sm">
      <div>
        <Title order={2} id="signing-key">
          Integration signing key
        </Title>
        <Text size="sm" c="dimmed">
          Signs for every endpoint that uses it. A reset counts from the next attempt on.
        </Text>
      </div>
      {error !== undefined && (
        <Alert color="red" variant="light" role="alert" py="xs">
          {sentenceOf(error)}
        </Alert>
      )}
      <Code block aria-label="Signing key">
        {key ?? '•'.repeat(32)}
      </Code>
      <Group>
        <Button variant="default" onClick={() => (key === undefined ? void read().then(setKey) : setKey(undefined))}>
          {key === undefined ? 'Show' : 'Hide'}
        </Button>
        <Button variant="default" onClick={() => void copyKey()}>
          Copy
        </Button>
        <Button variant="light" color="red" onClick={open}>
          Reset signing key
        </Button>
      </Group>
      {isAsking && (
        <ResetDialog
          onClose={close}
          onReset={() => {
            setKey(undefined);
            close();
          }}
        />
      )}
    </Stack>
  );
};

const ResetDialog = ({ onClose, onReset }: { readonly onClose: () => void; readonly onReset: () => void }) => {
  const { data } = useAsk(signedEndpoints, {});
  const [reset, isBusy] = useChange(resetSigningKey, ['Organization']);
  const signed = data?.endpoints.nodes.filter(({ useOrganizationKey, signature }) => useOrganizationKey && signature !== 'NONE') ?? [];
  const confirm = async () => {
    const { error } = await reset({});
    if (error) return sayRefusal(error);
    say('The signing key was reset. Give the new one to your receivers.');
    return onReset();
  };
  return (
    <Confirm
      isOpen
      title="Reset the signing key?"
      verb="Reset signing key"
      isDangerous
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <Stack gap="xs">
        {signed.length === 0
          ? 'No endpoint signs with it now.'
          : `The next attempt to ${signed.length === 1 ? 'this endpoint is' : `these ${signed.length} endpoints is`} signed with the new key. Receivers that know only the old one refuse it.`}
        <List size="sm">
          {signed.slice(0, 20).map(({ id, name }) => (
            <List.Item key={id}>{name}</List.Item>
          ))}
        </List>
      </Stack>
    </Confirm>
  );
};
