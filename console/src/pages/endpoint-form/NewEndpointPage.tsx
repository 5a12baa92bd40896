// A new endpoint. A secret that the server made is shown once, before the page is left.
import { Alert, Button, Code, Group, Modal, Stack, Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { issuesOf, sentenceOf } from '../../api/client.ts';
import { useRights } from '../../api/rights.ts';
import { useAsk } from '../../api/use-ask.ts';
import { Page } from '../../components/Page.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Empty, Failure, NoRight, SkeletonRows } from '../../components/states.tsx';
import { say, useChange } from '../../components/use-change.ts';
import { useCopy } from '../../components/use-copy.ts';
import { EndpointForm } from './EndpointForm.tsx';
import { copyOf, inputOf, lacksOf, newEndpoint, type FormValues } from './form-values.ts';
import { createEndpoint, endpointToEdit } from './form.query.ts';

export const NewEndpointPage = () => {
  const { mayMakeEndpoints } = useRights();
  const { from } = useSearch({ from: '/shell/endpoints/new' });
  const { data, error, askAgain } = useAsk(endpointToEdit, { id: from ?? '' }, { pause: from === undefined });
  const form = () => {
    if (from === undefined) return <NewForm initial={newEndpoint} />;
    if (error && !data) return <Failure error={error} onRetry={askAgain} />;
    if (data === undefined) return <SkeletonRows rows={10} />;
    return data.endpoint === null ? (
      <Empty title="There is no such endpoint">The one to duplicate may have been deleted.</Empty>
    ) : (
      <NewForm initial={copyOf(data.endpoint)} copied={data.endpoint.name} />
    );
  };
  if (!mayMakeEndpoints) return <NoRight title="New endpoint">Making endpoints is switched off in this session.</NoRight>;
  return (
    <Page title="New endpoint" description="A URL that gets messages. Send it a test before anything is saved.">
      {form()}
    </Page>
  );
};

const NewForm = ({ initial, copied }: { readonly initial: FormValues; readonly copied?: string }) => {
  const navigate = useNavigate();
  const copy = useCopy();
  const [create] = useChange(createEndpoint, ['Endpoint']);
  const [secret, setSecret] = useState<string>();
  const leave = () => void navigate({ to: '/endpoints' });
  const save = async (values: FormValues) => {
    const issues = copied === undefined ? [] : lacksOf(values);
    if (issues.length > 0) return { sentence: 'Values of headers are not copied. Give them again.', issues };
    const { data, error } = await create({ input: inputOf(values) });
    if (error) return { sentence: sentenceOf(error), issues: issuesOf(error) };
    const made = data.createEndpoint;
    say(`${made.name} was saved.`);
    if (values.secretChoice === 'GENERATED' && made.secret !== null) setSecret(made.secret);
    else leave();
    return undefined;
  };
  return (
    <>
      {copied !== undefined && (
        <Alert color="blue" variant="light" title={`A copy of ${copied}`}>
          Its secret and the values of its headers are not copied: give them here.
        </Alert>
      )}
      <EndpointForm
        initial={initial}
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
    </>
  );
};
