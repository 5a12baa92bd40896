// A new organization: its name, and the platform's own id for it.
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { say, useChange } from '../../components/use-change.ts';
import { createOrganization } from './organizations.query.ts';

export const CreateDialog = ({ onClose }: { readonly onClose: () => void }) => {
  const [create, isBusy] = useChange(createOrganization, ['Organization']);
  const [values, setValues] = useState({ name: '', id: '' });
  const [problems, setProblems] = useState<Readonly<Record<string, string>>>({});
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const [name, id] = [values.name.trim(), values.id.trim()];
    const { error } = await create({ input: { name, ...(id !== '' && { id }) } });
    if (!error) {
      say(`${name} was made.`);
      return onClose();
    }
    const found = issuesOf(error).map(({ path, message }) => [path.replace(/^.*\./, ''), message] as const);
    return setProblems(Object.fromEntries(found.length > 0 ? found : [['id', sentenceOf(error)]]));
  };
  return (
    <Modal opened onClose={onClose} title="New organization" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => void save(event)} noValidate>
        <Stack>
          <TextInput
            label="Name"
            placeholder="Acme"
            value={values.name}
            error={problems['name']}
            onChange={({ currentTarget }) => setValues((before) => ({ ...before, name: currentTarget.value }))}
            data-autofocus
          />
          <TextInput
            label="Id"
            placeholder="cust_4711"
            description="Your own, such as a customer number. Left empty, it is given one."
            value={values.id}
            error={problems['id']}
            onChange={({ currentTarget }) => setValues((before) => ({ ...before, id: currentTarget.value }))}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Create
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
};
