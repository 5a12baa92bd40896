// The dialogs of what can be done to an endpoint: disabling with a reason, deleting, rotating the secret. Loaded when one is opened.
import '../../more-library.css';
import { Code, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Confirm } from '../../components/Confirm.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import { deleteEndpoint, disableEndpoint, rotateSecret } from './endpoint-changes.ts';

const lists = ['Endpoint', 'Delivery'];

export const EndpointDialog = ({ kind, ...props }: DialogProps & { readonly kind: 'disable' | 'delete' | 'rotate' }) => {
  switch (kind) {
    case 'disable':
      return <DisableDialog {...props} />;
    case 'delete':
      return <DeleteDialog {...props} />;
    case 'rotate':
      return <RotateDialog {...props} />;
  }
};

type DialogProps = { readonly id: string; readonly name: string; readonly onClose: () => void };

const DisableDialog = ({ id, name, onClose }: DialogProps) => {
  const [disable, isBusy] = useChange(disableEndpoint, lists);
  const [reason, setReason] = useState('');
  const confirm = async () => {
    const { error } = await disable({ id, reason: reason.trim() === '' ? null : reason.trim() });
    if (error) return sayRefusal(error);
    say(`${name} is disabled.`);
    return onClose();
  };
  return (
    <Confirm isOpen title={`Disable ${name}?`} verb="Disable" isBusy={isBusy} onConfirm={() => void confirm()} onClose={onClose}>
      <Stack>
        Messages that match from now on are recorded as skipped, and what waits is held until somebody enables it.
        <TextInput
          label="Reason"
          placeholder="Shown on the endpoint’s page"
          value={reason}
          onChange={({ currentTarget }) => setReason(currentTarget.value)}
          data-autofocus
        />
      </Stack>
    </Confirm>
  );
};

const DeleteDialog = ({ id, name, onClose }: DialogProps) => {
  const [remove, isBusy] = useChange(deleteEndpoint, lists);
  const confirm = async () => {
    const { error } = await remove({ id });
    if (error) return sayRefusal(error);
    say(`${name} was deleted.`);
    return onClose();
  };
  return (
    <Confirm isOpen title={`Delete ${name}?`} verb="Delete" isDangerous isBusy={isBusy} onConfirm={() => void confirm()} onClose={onClose}>
      It gets no more messages, and what still waits for it is cancelled. This can’t be undone; its history stays in the log.
    </Confirm>
  );
};

const graceSeconds = 86_400;

const RotateDialog = ({ id, name, onClose }: DialogProps) => {
  const [rotate, isBusy] = useChange(rotateSecret, lists);
  const [own, setOwn] = useState('');
  const [made, setMade] = useState<string | null>();
  const copy = useCopy();
  const confirm = async () => {
    if (made !== undefined) return copy(made ?? '', 'The secret');
    const { data, error } = await rotate({ id, graceSeconds, ...(own !== '' && { secret: own }) });
    if (error) return sayRefusal(error);
    return setMade(data.rotateEndpointSecret.secret);
  };
  return (
    <Confirm
      isOpen
      title={`Rotate the secret of ${name}?`}
      verb={made === undefined ? 'Rotate secret' : 'Copy'}
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      {made === undefined ? (
        <Stack>
          The next attempt is signed with the new secret. Where the signature scheme can carry two, the old one signs beside it for 24 h.
          <PasswordInput
            label="Secret"
            description="Leave it empty to have one generated."
            value={own}
            onChange={({ currentTarget }) => setOwn(currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': 'Show the secret', tabIndex: 0 }}
          />
        </Stack>
      ) : (
        <Stack>
          <Text size="sm">The new secret. Give it to the receiver.</Text>
          <Code block>{made}</Code>
        </Stack>
      )}
    </Confirm>
  );
};
