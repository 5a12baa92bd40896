// API keys: who may call, issued here and revoked here. A key is shown once.
import { Badge, Button, Code, Group, Modal, Select, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { PlusIcon } from '../../components/icons.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import { problemsIn } from '../endpoint-form/problems.ts';
import { expiresAt, expiries, type Expiry } from './expiry.ts';
import { apiKeysQuery, issueApiKey, revokeApiKey } from './settings.query.ts';

const roles = [
  { value: 'ADMIN', label: 'Admin: everything' },
  { value: 'OPERATOR', label: 'Operator: runs endpoints and deliveries, sees no secrets' },
  { value: 'PUBLISHER', label: 'Publisher: publishes messages only' },
  { value: 'VIEWER', label: 'Viewer: reads' },
  { value: 'AUDITOR', label: 'Auditor: reads, with the history' },
] as const;
type Role = (typeof roles)[number]['value'];

export const ApiKeys = () => {
  const { data, error, askAgain } = useAsk(apiKeysQuery, {}, { typenames: ['ApiKey'] });
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <section aria-labelledby="api-keys">
      <Group justify="space-between" mb="sm">
        <Title order={2} id="api-keys">
          API keys
        </Title>
        <Button variant="default" leftSection={<PlusIcon />} onClick={open}>
          Issue API key
        </Button>
      </Group>
      <div className="surface table-frame">
        {error && !data ? (
          <Failure error={error} onRetry={askAgain} />
        ) : data ? (
          <Table aria-labelledby="api-keys">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th visibleFrom="sm">Last used</Table.Th>
                <Table.Th visibleFrom="md">Expires</Table.Th>
                <Table.Th visibleFrom="md">Created</Table.Th>
                <Table.Th>Actions</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data.apiKeys.nodes.map((key) => (
                <Table.Tr key={key.id}>
                  <Table.Td maw={240}>
                    <Text size="sm" fw={500} className="cut" title={key.name}>
                      {key.name}
                    </Text>
                    {key.spansOrganizations && (
                      <Text size="xs" c="dimmed">
                        spans organizations
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <Badge variant="default" radius="sm" tt="capitalize" fw={400}>
                      {key.role.toLowerCase()}
                    </Badge>
                  </Table.Td>
                  <Table.Td visibleFrom="sm">{key.lastUsedAt === null ? 'Never' : <Moment at={key.lastUsedAt} />}</Table.Td>
                  <Table.Td visibleFrom="md">{key.expiresAt === null ? 'Never' : <Moment at={key.expiresAt} />}</Table.Td>
                  <Table.Td visibleFrom="md">
                    <Moment at={key.createdAt} />
                  </Table.Td>
                  <Table.Td w={100}>
                    <Revoke id={key.id} name={key.name} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        ) : (
          <SkeletonRows rows={3} />
        )}
      </div>
      {isOpen && <IssueDialog onClose={close} />}
    </section>
  );
};

const Revoke = ({ id, name }: { readonly id: string; readonly name: string }) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [revoke, isBusy] = useChange(revokeApiKey, ['ApiKey']);
  const confirm = async () => {
    const { error } = await revoke({ id });
    close();
    if (error) sayRefusal(error);
    else say(`${name} is revoked.`);
  };
  return (
    <>
      <Button variant="subtle" color="red" size="compact-sm" onClick={open} aria-label={`Revoke ${name}`}>
        Revoke
      </Button>
      <Confirm
        isOpen={isOpen}
        title={`Revoke ${name}?`}
        verb="Revoke"
        isDangerous
        isBusy={isBusy}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        Services that use it are refused from now on, and people signed in with it are signed out. This can’t be undone.
      </Confirm>
    </>
  );
};

const IssueDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const copy = useCopy();
  const [issue, isBusy] = useChange(issueApiKey, ['ApiKey']);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('VIEWER');
  const [made, setMade] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [dateProblem, setDateProblem] = useState<string>();
  const [expiry, setExpiry] = useState<Expiry>('never');
  const [date, setDate] = useState('');
  const ends = expiresAt(expiry, date, Date.now());
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (ends === undefined) return setDateProblem('Give the last day that it works.');
    const { data, error } = await issue({ name: name.trim(), role, expiresAt: ends });
    if (error) {
      const { name: ofName, expiresAt: ofDate } = problemsIn(issuesOf(error));
      setDateProblem(ofDate);
      return setProblem(ofName ?? (ofDate === undefined ? sentenceOf(error) : undefined));
    }
    return setMade(data.issueApiKey.key);
  };
  return (
    <Modal opened onClose={onClose} title="Issue API key" closeButtonProps={{ 'aria-label': 'Close' }}>
      {made === undefined ? (
        <form onSubmit={(event) => void save(event)} noValidate>
          <Stack>
            <TextInput
              label="Name"
              placeholder="Billing service"
              value={name}
              error={problem}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              data-autofocus
            />
            <Select
              label="Role"
              data={[...roles]}
              allowDeselect={false}
              value={role}
              onChange={(value) => value !== null && setRole(value)}
            />
            <Select
              label="Expires"
              data={[...expiries]}
              allowDeselect={false}
              value={expiry}
              error={expiry === 'date' ? undefined : dateProblem}
              onChange={(value) => value !== null && setExpiry(value)}
            />
            {expiry === 'date' && (
              <TextInput
                type="date"
                label="Last day"
                description="It works through that day, in UTC."
                value={date}
                error={dateProblem}
                onChange={({ currentTarget }) => setDate(currentTarget.value)}
              />
            )}
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={isBusy}>
                Issue
              </Button>
            </Group>
          </Stack>
        </form>
      ) : (
        <Stack>
          <Text size="sm">It is shown this once. Keep it where the program that uses it finds it.</Text>
          <Code block aria-label="The new API key">
            {made}
          </Code>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => copy(made, 'The API key')}>
              Copy
            </Button>
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
};
