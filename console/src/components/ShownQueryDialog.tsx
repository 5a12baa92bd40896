// `Show query`: the document and the variables that a page was made of.
import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { stringifyDocument } from 'urql';
import type { ShownQuery } from './Page.tsx';
import { useCopy } from './use-copy.ts';

export const ShownQueryDialog = ({ query, variables = {}, onClose }: ShownQuery & { readonly onClose: () => void }) => {
  const copy = useCopy();
  const text = stringifyDocument(query);
  const values = JSON.stringify(variables, null, 2);
  const playground = `/graphql#${new URLSearchParams({ query: text, variables: values }).toString()}`;
  return (
    <Modal opened onClose={onClose} title="The query of this page" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack>
        <Text size="sm" c="dimmed">
          The console asks the public API, as your programs can.
        </Text>
        <pre className="code" tabIndex={0}>
          {text}
        </pre>
        {values !== '{}' && (
          <pre className="code" tabIndex={0}>
            {values}
          </pre>
        )}
        <Group>
          <Button component="a" href={playground} target="_blank" rel="noreferrer">
            Open in the playground
          </Button>
          <Button variant="default" onClick={() => copy(text, 'The query')}>
            Copy
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
};
