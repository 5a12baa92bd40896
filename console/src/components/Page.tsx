// The frame of a page: its title, what it does, a link to copy, and the query that it was made of.
import { ActionIcon, Box, Group, Stack, Text, Title, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, type ReactNode } from 'react';
import type { DocumentInput } from 'urql';
import { useRights } from '../api/rights.ts';
import { usePageTitle } from './app-name.ts';
import { useCopy } from './use-copy.ts';
import { CodeIcon, LinkIcon } from './icons.tsx';

const ShownQueryDialog = lazy(() => import('./ShownQueryDialog.tsx').then(({ ShownQueryDialog: dialog }) => ({ default: dialog })));

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
  const { isPortal } = useRights();
  usePageTitle(title);
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
          {!isPortal && <PageTools {...(shown !== undefined && { shown })} />}
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
      <Suspense>{shown !== undefined && isOpen && <ShownQueryDialog {...shown} onClose={close} />}</Suspense>
    </>
  );
};
