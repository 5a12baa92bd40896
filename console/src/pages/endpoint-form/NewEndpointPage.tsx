// A new endpoint. A secret that the server made is shown once, before the page is left.
import { Button, Code, Group, Modal, Stack, Text } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { Page } from '../../components/Page.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { say, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import { EndpointForm } from './EndpointForm.tsx';
import { inputOf, newEndpoint, type FormValues } from './form-values.ts';
import { createEndpoint } from './form.query.ts';

export const NewEndpointPage = () => {
  const navigate = useNavigate();
  const copy = useCopy();
  const [create] = useChange(createEndpoint, ['Endpoint']);
  const [secret, setSecret] = useState<string>();
  const leave = () => void navigate({ to: '/endpoints' });
  const save = async (values: FormValues) => {
    const { data, error } = await create({ input: inputOf(values) });
    if (error) return { sentence: sentenceOf(error), issues: issuesOf(error) };
    const made = data.createEndpoint;
    say(`${made.name} was saved.`);
    if (values.secretChoice === 'GENERATED' && made.secret !== null) setSecret(made.secret);
    else leave();
    return undefined;
  };
  return (
    <Page title="New endpoint" description="A URL that gets messages. Send it a test before anything is saved.">
      <EndpointForm
        initial={newEndpoint}
        onSave={save}
        cancel={
          <ButtonTo to="/endpoints" variant="default">
            Cancel
          </ButtonTo>
        }
      />
      <Modal opened={secret !== undefined} onClose={leave} title="The endpoint’s secret" closeButtonProps={{ 'aria-label': 'Close' }}>
        <Stack>
          <Text size="sm">Give it to the receiver, which checks the signature with it.</Text>
          <Code block>{secret}</Code>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => copy(secret ?? '', 'The secret')}>
              Copy
            </Button>
            <Button onClick={leave}>Done</Button>
          </Group>
        </Stack>
      </Modal>
    </Page>
  );
};
