// What is asked before an organization is limited, suspended or deleted.
import '../../more-library.css';
import { Button, Group, List, Modal, NumberInput, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { organization as current, addressFor } from '../../api/organization.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { fieldsOf, limits, limitsIn } from './limits.ts';
import type { Organization } from './OrganizationRow.tsx';
import { deleteOrganization, suspendOrganization, updateOrganization } from './organizations.query.ts';

type Props = { readonly organization: Organization; readonly onClose: () => void };

export const LimitsDialog = ({ organization: { id, name, limits: own }, onClose }: Props) => {
  const [update, isBusy] = useChange(updateOrganization, ['Organization']);
  const [fields, setFields] = useState(() => fieldsOf(own));
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const { error } = await update({ id, input: { limits: limitsIn(fields) } });
    if (!error) {
      say(`${name} has new limits.`);
      return onClose();
    }
    const found = issuesOf(error).map(({ path, message }) => [path.replace(/^.*\./, ''), message] as const);
    return setProblems(Object.fromEntries(found.length > 0 ? found : [['messagesPerSecond', sentenceOf(error)]]));
  };
  return (
    <Modal opened onClose={onClose} title={`Limits of ${name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => void save(event)} noValidate>
        <Stack>
          <Text size="sm" c="dimmed">
            Left empty, the installation’s setting holds.
          </Text>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            {limits.map(({ name: limit, label }) => (
              <NumberInput
                key={limit}
                label={label}
                placeholder="The installation’s"
                min={0}
                thousandSeparator=","
                hideControls
                value={fields[limit]}
                error={problems[limit]}
                onChange={(value) => setFields((before) => ({ ...before, [limit]: value }))}
              />
            ))}
          </SimpleGrid>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};

export const SuspendDialog = ({ organization: { id, name, usage }, onClose }: Props) => {
  const [suspend, isBusy] = useChange(suspendOrganization, ['Organization']);
  const [reason, setReason] = useState('');
  const confirm = async () => {
    const { error } = await suspend({ id, reason: reason.trim() === '' ? null : reason.trim() });
    if (error) return sayRefusal(error);
    say(`${name} is suspended.`);
    return onClose();
  };
  return (
    <Confirm isOpen title={`Suspend ${name}?`} verb="Suspend" isBusy={isBusy} onConfirm={() => void confirm()} onClose={onClose}>
      <Stack>
        Its publishers are refused, its sources wait, and its deliveries ({usage.waitingDeliveries.toLocaleString('en-US')} now) are held
        until somebody resumes it. It can still be read.
        <TextInput
          label="Reason"
          placeholder="Its publishers are told"
          value={reason}
          onChange={({ currentTarget }) => setReason(currentTarget.value)}
          data-autofocus
        />
      </Stack>
    </Confirm>
  );
};

export const DeleteDialog = ({ organization: { id, name, usage }, onClose }: Props) => {
  const [remove, isBusy] = useChange(deleteOrganization, ['Organization']);
  const [typed, setTyped] = useState('');
  const confirm = async () => {
    const { error } = await remove({ id, confirmName: typed });
    if (error) return sayRefusal(error);
    if (id === current) return location.assign(addressFor(undefined, '/organizations'));
    say(`${name} was deleted.`);
    return onClose();
  };
  return (
    <Confirm
      isOpen
      title={`Delete ${name}?`}
      verb="Delete"
      isDangerous
      isBusy={isBusy}
      isDisabled={typed !== name}
      onConfirm={() => void confirm()}
      onClose={onClose}
    >
      <Stack>
        <List size="sm">
          <List.Item>Its {usage.endpoints.toLocaleString('en-US')} endpoints are deleted.</List.Item>
          <List.Item>Its {usage.waitingDeliveries.toLocaleString('en-US')} waiting deliveries are cancelled.</List.Item>
          <List.Item>Its API keys and portal sessions end, and its id is never used again.</List.Item>
        </List>
        This can’t be undone; its history stays in the log.
        <TextInput
          label={`Type ${name} to delete it`}
          value={typed}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          autoComplete="off"
          data-autofocus
        />
      </Stack>
    </Confirm>
  );
};
