// The integration signing key: one key for all endpoints that sign with it. Shown on demand, copied, and reset.
import { Button, List, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { SecretBox } from '../../components/SecretBox.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { resetSigningKey, signedEndpoints, signingKeyQuery } from './settings.query.ts';

export const SigningKey = () => {
  /** A reset hides the key that was shown. */
  const [resets, setResets] = useState(0);
  const [isAsking, { open, close }] = useDisclosure(false);
  return (
    <>
      <SecretBox
        key={resets}
        id="signing-key"
        title="Integration signing key"
        label="Signing key"
        text="Signs for every endpoint that uses it. A reset counts from the next attempt on."
        query={signingKeyQuery}
        variables={{}}
        secretOf={({ organization }) => organization.signingKey}
      >
        <Button variant="light" color="red" onClick={open}>
          Reset signing key
        </Button>
      </SecretBox>
      {isAsking && (
        <ResetDialog
          onClose={close}
          onReset={() => {
            setResets((before) => before + 1);
            close();
          }}
        />
      )}
    </>
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
