// What can be done to an endpoint: a menu in its row and on its page.
import { ActionIcon, Code, Menu, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { Confirm } from '../../components/Confirm.tsx';
import { MoreIcon } from '../../components/icons.tsx';
import type { EndpointStatusName } from '../../components/Status.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import {
  deleteEndpoint,
  disableEndpoint,
  enableEndpoint,
  pauseEndpoint,
  resumeEndpoint,
  rotateSecret,
  testEndpoint,
} from './endpoint-changes.ts';

const SkippedDialog = lazy(() => import('../endpoint/SkippedDialog.tsx').then(({ SkippedDialog: dialog }) => ({ default: dialog })));

type Actionable = { readonly id: string; readonly name: string; readonly status: EndpointStatusName };

const lists = ['Endpoint', 'Delivery'];

export const EndpointActions = ({ endpoint: { id, name, status } }: { readonly endpoint: Actionable }) => {
  const navigate = useNavigate();
  const [test] = useChange(testEndpoint, lists);
  const [pause] = useChange(pauseEndpoint, lists);
  const [resume] = useChange(resumeEndpoint, lists);
  const [enable] = useChange(enableEndpoint, lists);
  const [isDisabling, disabling] = useDisclosure(false);
  const [isDeleting, deleting] = useDisclosure(false);
  const [isRotating, rotating] = useDisclosure(false);
  const [skipped, setSkipped] = useState(0);
  const run = async (change: (variables: { id: string }) => Promise<{ error: unknown }>, done: string) => {
    const { error } = (await change({ id })) as Awaited<ReturnType<typeof pause>>;
    if (error) sayRefusal(error);
    else say(done);
  };
  const sendTest = async () => {
    const { data, error } = await test({ id });
    if (error) return sayRefusal(error);
    return navigate({ to: '/deliveries/$deliveryId', params: { deliveryId: data.testEndpoint.id } });
  };
  const enableIt = async () => {
    const { data, error } = await enable({ id });
    if (error) return sayRefusal(error);
    say(`${name} is active. What waited goes out.`);
    return setSkipped(data.enableEndpoint.skippedSinceDisabled);
  };
  return (
    <>
      <Menu position="bottom-end" width={180} withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${name}`}>
            <MoreIcon />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => void navigate({ to: '/endpoints/$endpointId/edit', params: { endpointId: id } })}>Edit</Menu.Item>
          <Menu.Item onClick={() => void sendTest()}>Test</Menu.Item>
          {status === 'ENABLED' && <Menu.Item onClick={() => void run(pause, `${name} is paused. Its deliveries wait.`)}>Pause</Menu.Item>}
          {status === 'PAUSED' && (
            <Menu.Item onClick={() => void run(resume, `${name} is active. What waited goes out.`)}>Resume</Menu.Item>
          )}
          {status === 'DISABLED' ? (
            <Menu.Item onClick={() => void enableIt()}>Enable</Menu.Item>
          ) : (
            <Menu.Item onClick={disabling.open}>Disable</Menu.Item>
          )}
          <Menu.Item onClick={rotating.open}>Rotate secret</Menu.Item>
          <Menu.Item onClick={() => void navigate({ to: '/endpoints/new', search: { from: id } })}>Duplicate</Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" onClick={deleting.open}>
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <DisableDialog id={id} name={name} isOpen={isDisabling} onClose={disabling.close} />
      <DeleteDialog id={id} name={name} isOpen={isDeleting} onClose={deleting.close} />
      {isRotating && <RotateDialog id={id} name={name} onClose={rotating.close} />}
      <Suspense>{skipped > 0 && <SkippedDialog id={id} name={name} count={skipped} onClose={() => setSkipped(0)} />}</Suspense>
    </>
  );
};

type DialogProps = { readonly id: string; readonly name: string; readonly isOpen: boolean; readonly onClose: () => void };

const DisableDialog = ({ id, name, isOpen, onClose }: DialogProps) => {
  const [disable, isBusy] = useChange(disableEndpoint, lists);
  const [reason, setReason] = useState('');
  const confirm = async () => {
    const { error } = await disable({ id, reason: reason.trim() === '' ? null : reason.trim() });
    if (error) return sayRefusal(error);
    say(`${name} is disabled.`);
    return onClose();
  };
  return (
    <Confirm isOpen={isOpen} title={`Disable ${name}?`} verb="Disable" isBusy={isBusy} onConfirm={() => void confirm()} onClose={onClose}>
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

const DeleteDialog = ({ id, name, isOpen, onClose }: DialogProps) => {
  const [remove, isBusy] = useChange(deleteEndpoint, lists);
  const confirm = async () => {
    const { error } = await remove({ id });
    if (error) return sayRefusal(error);
    say(`${name} was deleted.`);
    return onClose();
  };
  return (
    <Confirm
      isOpen={isOpen}
      title={`Delete ${name}?`}
      verb="Delete"
      isDangerous
      isBusy={isBusy}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      It gets no more messages, and what still waits for it is cancelled. This can’t be undone; its history stays in the log.
    </Confirm>
  );
};

const graceSeconds = 86_400;

const RotateDialog = ({ id, name, onClose }: Omit<DialogProps, 'isOpen'>) => {
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
