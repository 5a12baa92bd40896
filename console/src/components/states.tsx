// What a page shows when it has nothing to show: it loads, failed, is empty, nothing matches, or the caller has no right to see it.
import { Button, Group, Pill, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import type { CombinedError } from 'urql';
import { Page } from './Page.tsx';
import { codeOf, requestIdOf, sentenceOf } from '../api/client.ts';

export const Notice = ({
  title,
  children,
  actions,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
}) => (
  <Stack align="center" gap="xs" py={56} px="md" ta="center" maw={560} mx="auto">
    <Title order={2}>{title}</Title>
    <Text c="dimmed" size="sm" component="div" className="wrap">
      {children}
    </Text>
    {actions !== undefined && (
      <Group mt="sm" justify="center">
        {actions}
      </Group>
    )}
  </Stack>
);

export const Empty = ({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: ReactNode;
}) => (
  <Notice title={title} actions={action}>
    {children}
  </Notice>
);

export type FilterChip = { readonly label: string; readonly onRemove: () => void };

/** @param chips the filters, each of which can be taken away */
export const NoMatch = ({ onClear, chips = [] }: { readonly onClear: () => void; readonly chips?: readonly FilterChip[] }) => (
  <Notice
    title="Nothing matches these filters"
    actions={
      <Button variant="default" onClick={onClear}>
        Clear filters
      </Button>
    }
  >
    {chips.length === 0 ? (
      'Take one away, or clear them all.'
    ) : (
      <Group gap={6} justify="center" mt={4}>
        {chips.map(({ label, onRemove }) => (
          <Pill
            key={label}
            withRemoveButton
            onRemove={onRemove}
            removeButtonProps={{ 'aria-label': `Take away ${label}`, tabIndex: 0, 'aria-hidden': false }}
          >
            {label}
          </Pill>
        ))}
      </Group>
    )}
  </Notice>
);

/** The sentence, the request's id, and another try; or who has the right, where the caller has none. */
export const Failure = ({ error, onRetry }: { readonly error: CombinedError; readonly onRetry?: (() => void) | undefined }) => {
  const requestId = requestIdOf(error);
  const isForbidden = codeOf(error) === 'FORBIDDEN';
  return (
    <div role="alert">
      <Notice
        title={isForbidden ? 'You have no right to see this' : 'This could not be loaded'}
        actions={
          onRetry !== undefined &&
          !isForbidden && (
            <Button variant="default" onClick={onRetry}>
              Try again
            </Button>
          )
        }
      >
        {sentenceOf(error)}
        {requestId !== undefined && (
          <Text size="xs" mt={6} className="mono">
            Request {requestId}
          </Text>
        )}
      </Notice>
    </div>
  );
};

/** In place of a page that the caller may not use. */
export const NoRight = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <Page title={title}>
    <div className="surface">
      <Notice title="You have no right to do this">{children}</Notice>
    </div>
  </Page>
);

/** Rows of the final height, once loading takes longer than the eye forgives. */
export const SkeletonRows = ({ rows = 8 }: { readonly rows?: number }) => {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Stack gap="md" p="md" aria-busy="true" aria-label="Loading" role="status" mih={rows * 44}>
      {isLate && Array.from({ length: rows }, (_, row) => <Skeleton key={row} height={28} radius="sm" />)}
    </Stack>
  );
};
