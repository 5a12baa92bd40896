// The balance: each delivery that messages called for succeeded, failed, was cancelled or is open. If the counts do not add up, that is an alarm.
import { Alert, Group, Text, Title } from '@mantine/core';
import { useDocumentVisibility } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useQuery } from 'urql';
import type { ResultOf } from '../../api/graphql.ts';
import { AlertIcon, CheckIcon } from '../../components/icons.tsx';
import { LinkTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { Failure, SkeletonRows } from '../../components/states.tsx';
import { balanceQuery } from './overview.query.ts';

/** It counts every open delivery, so no console asks more often, whichever page it comes back from. */
const everyMs = 60_000;
let askedAt = Number.NEGATIVE_INFINITY;

const useBalance = () => {
  const isVisible = useDocumentVisibility() === 'visible';
  const [{ data, error }, execute] = useQuery({ query: balanceQuery, requestPolicy: 'cache-only' });
  const [at, setAt] = useState<number>();
  const ask = () => {
    askedAt = Date.now();
    execute({ requestPolicy: 'network-only' });
  };
  useEffect(() => {
    if (!isVisible) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const next = () => {
      if (Date.now() - askedAt >= everyMs) ask();
      timer = setTimeout(next, Math.max(askedAt + everyMs - Date.now(), 1_000));
    };
    next();
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- `execute` stays the same
  }, [isVisible]);
  useEffect(() => {
    if (data) setAt(askedAt);
  }, [data]);
  return { data: data?.conservation, error, at, ask };
};

export const Balance = () => {
  const { data, error, at, ask } = useBalance();
  return (
    <section aria-labelledby="balance" className="surface" style={{ padding: 'var(--mantine-spacing-md)' }}>
      <Group gap="xs" mb="xs">
        <Title order={2} id="balance">
          Balance
        </Title>
        {data && at !== undefined && (
          <Text size="xs" c="dimmed" component="span">
            since the first message, counted <Moment at={new Date(at).toISOString()} />
          </Text>
        )}
      </Group>
      {data ? <Counts {...data} /> : error ? <Failure error={error} onRetry={ask} /> : <SkeletonRows rows={1} />}
    </section>
  );
};

type Conservation = ResultOf<typeof balanceQuery>['conservation'];

const Counts = ({ routed, succeeded, failed, cancelled, open, balanced, position }: Conservation) => {
  const missing = routed - succeeded - failed - cancelled - open;
  return (
    <>
      <Group gap="xs" className="numbers" fz="sm">
        <Part count={routed} name="routed" />
        <span>=</span>
        <Part count={succeeded} name="succeeded" status="SUCCEEDED" />
        <span>+</span>
        <Part count={failed} name="failed" status="FAILED" />
        <span>+</span>
        <Part count={cancelled} name="cancelled" status="CANCELLED" />
        <span>+</span>
        <Part count={open} name="open" status="OPEN" />
      </Group>
      {balanced ? (
        <Group gap={6} mt="xs" wrap="nowrap" c="dimmed">
          <CheckIcon size={14} />
          <Text size="xs">It balances: nothing was lost, and nothing was made up.</Text>
        </Group>
      ) : (
        <Alert color="red" variant="light" icon={<AlertIcon />} mt="sm" role="alert" title="The balance does not add up">
          {Math.abs(missing).toLocaleString('en-US')} {Math.abs(missing) === 1 ? 'delivery' : 'deliveries'}{' '}
          {missing > 0 ? 'were routed and are in none of these lists' : 'are in these lists and were never routed'}. Run{' '}
          <code>hookledger verify</code> to check the log, and <code>hookledger rebuild</code> to make these tables from it again. Counted
          at position <span className="mono wrap">{position}</span>.
        </Alert>
      )}
    </>
  );
};

const Part = ({ count, name, status }: { readonly count: number; readonly name: string; readonly status?: string }) => (
  <LinkTo to="/deliveries" search={status === undefined ? {} : { status }} size="sm">
    <strong>{count.toLocaleString('en-US')}</strong> {name}
  </LinkTo>
);
