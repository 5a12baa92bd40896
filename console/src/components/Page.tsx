// The frame of a page: its title, what it does, a link to copy, and the query that it was made of.
import { ActionIcon, Box, Button, Group, Modal, Stack, Text, Title, Tooltip } from '@mantine/core';
import { useDocumentTitle, useDisclosure } from '@mantine/hooks';
import { stringifyDocument, type DocumentInput } from 'urql';
import type { ReactNode } from 'react';
import { useCopy } from './use-copy.ts';
import { CodeIcon, LinkIcon } from './icons.tsx';

export type ShownQuery = { readonly query: DocumentInput; readonly variables?: object };

type PageProps = {
  readonly title: string;
  readonly above?: ReactNode;
  readonly beside?: ReactNode;
  readonly description?: ReactNode;
  readonly actions?: ReactNode;
  readonly shown?: ShownQuery;
  readonly children: ReactNode;
};

export const Page = ({ title, above, beside, description, actions, shown, children }: PageProps) => {
  useDocumentTitle(`${title} · Hookledger`);
  return (
    <Stack gap="lg" px={{ base: 'sm', sm: 'xl' }} py="lg" maw={1440} mx="auto">
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box miw={0} style={{ flex: '1 1 16rem' }}>
          {above}
          <Group gap="sm">
            <Title order={1} className="wrap">
              {title}
            </Title>
            {beside}
          </Group>
          {description !== undefined && (
            <Text c="dimmed" size="sm" mt={4} component="div" className="wrap">
              {description}
            </Text>
          )}
        </Box>
        <Group gap="xs">
          <PageTools {...(shown !== undefined && { shown })} />
          {actions}
        </Group>
      </Group>
      {children}
    </Stack>
  );
};

const PageTools = ({ shown }: { readonly shown?: ShownQuery }) => {
  const copy = useCopy();
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Tooltip label="Copy link">
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Copy link" onClick={() => copy(location.href, 'The link')}>
          <LinkIcon />
        </ActionIcon>
      </Tooltip>
      {shown !== undefined && (
        <Tooltip label="Show query">
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Show query" onClick={open}>
            <CodeIcon />
          </ActionIcon>
        </Tooltip>
      )}
      {shown !== undefined && (
        <Modal opened={isOpen} onClose={close} title="The query of this page" size="lg" closeButtonProps={{ 'aria-label': 'Close' }}>
          <QueryText {...shown} />
        </Modal>
      )}
    </>
  );
};

const QueryText = ({ query, variables = {} }: ShownQuery) => {
  const copy = useCopy();
  const text = stringifyDocument(query);
  const values = JSON.stringify(variables, null, 2);
  const playground = `/graphql#${new URLSearchParams({ query: text, variables: values }).toString()}`;
  return (
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
  );
};
