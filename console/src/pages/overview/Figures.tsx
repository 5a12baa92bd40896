// The figures of the overview, each with the time that it is of.
import { SimpleGrid, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { LinkTo } from '../../components/LinkTo.tsx';
import { milliseconds } from '../../components/time.ts';
import type { overviewQuery } from './overview.query.ts';

type Props = {
  readonly total: ResultOf<typeof overviewQuery>['total'][number] | undefined;
  readonly open: number;
  /** Such as "the last 24 h". */
  readonly words: string;
};

const number = (value: number) => value.toLocaleString('en-US');
const linkLook = { inherit: true, c: 'inherit' } as const;

export const Figures = ({ total, open, words }: Props) => {
  const { accepted = 0, succeeded = 0, failed = 0, p95Ms = null } = total ?? {};
  const within = `in ${words}`;
  return (
    <SimpleGrid component="dl" cols={{ base: 2, xs: 3, md: 5 }} m={0} spacing="sm">
      <Figure name="Accepted" of={within}>
        {number(accepted)}
      </Figure>
      <Figure name="Succeeded" of={within}>
        <LinkTo to="/deliveries" search={{ status: 'SUCCEEDED' }} {...linkLook}>
          {number(succeeded)}
        </LinkTo>
      </Figure>
      <Figure name="Failed" of={within} isBad={failed > 0}>
        <LinkTo to="/deliveries" search={{ status: 'FAILED' }} {...linkLook}>
          {number(failed)}
        </LinkTo>
      </Figure>
      <Figure name="Open" of="now">
        <LinkTo to="/deliveries" search={{ status: 'OPEN' }} {...linkLook}>
          {number(open)}
        </LinkTo>
      </Figure>
      <Figure name="p95" of={`of an attempt, ${within}`}>
        {p95Ms === null ? '–' : milliseconds(p95Ms)}
      </Figure>
    </SimpleGrid>
  );
};

type FigureProps = { readonly name: string; readonly of: string; readonly isBad?: boolean; readonly children: ReactNode };

const Figure = ({ name, of, isBad = false, children }: FigureProps) => (
  <div className="surface" style={{ padding: '0.75rem 1rem' }}>
    <Text component="dt" size="xs" c="dimmed">
      {name}
    </Text>
    <Text component="dd" m={0} fz="1.5rem" fw={600} lh={1.35} className="numbers" {...(isBad && { c: 'var(--mantine-color-error)' })}>
      {children}
    </Text>
    <Text component="dd" m={0} size="xs" c="dimmed">
      {of}
    </Text>
  </div>
);
