// Attempts over time: those that succeeded, those that failed and are made again, and those after which the delivery failed for good. A chart that
// one drags across to look closer, a legend that says the numbers under the pointer, and the same as a table.
import { Anchor, Button, Group, Skeleton, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { CatchBoundary } from '@tanstack/react-router';
import { lazy, Suspense, useMemo, useState, type ReactNode } from 'react';
import { milliseconds } from '../time.ts';
import { useTimeZone } from '../time-zone.tsx';
import type { ChartMark } from './StackedChart.tsx';
import { bucketText } from './stack.ts';

const StackedChart = lazy(() => import('./StackedChart.tsx'));

export type Bucket = {
  readonly start: string;
  readonly accepted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly failedAttempts: number;
  readonly p95Ms: number | null;
};

/** A delivery fails with its last attempt, which may be counted a moment before it. */
const again = ({ failedAttempts, failed }: Bucket) => Math.max(failedAttempts - failed, 0);

const layers = [
  { label: 'Succeeded', color: '--chart-succeeded', of: ({ succeeded }: Bucket) => succeeded },
  { label: 'Failed, tried again', color: '--chart-again', of: again },
  { label: 'Failed for good', color: '--chart-failed', of: ({ failed }: Bucket) => failed },
] as const;

type Props = {
  readonly buckets: readonly Bucket[];
  readonly bucketMs: number;
  /** Such as "the last 24 h". */
  readonly window: string;
  readonly marks?: readonly ChartMark[];
  readonly onZoom: (from: number, until: number) => void;
  /** Beside the legend. */
  readonly children?: ReactNode;
};

const number = (value: number) => value.toLocaleString('en-US');

export const AttemptsChart = ({ buckets, bucketMs, window, marks, onZoom, children }: Props) => {
  const { zone } = useTimeZone();
  const [pointed, setPointed] = useState<number>();
  const [isTable, { toggle }] = useDisclosure(false);
  const starts = useMemo(() => buckets.map(({ start }) => Date.parse(start)), [buckets]);
  const drawn = useMemo(() => layers.map(({ color, of }) => ({ color, values: buckets.map(of) })), [buckets]);
  const bucket = pointed === undefined ? undefined : buckets[pointed];
  const start = pointed === undefined ? undefined : starts[pointed];
  const countOf = (of: (each: Bucket) => number) => (bucket ? of(bucket) : buckets.reduce((sum, each) => sum + of(each), 0));
  const label = `Attempts in ${window}: ${layers.map(({ label: name, of }) => `${number(buckets.reduce((sum, each) => sum + of(each), 0))} ${name.toLowerCase()}`).join(', ')}`;
  const table = <BucketTable buckets={buckets} starts={starts} bucketMs={bucketMs} label={label} onZoom={onZoom} />;
  return (
    <>
      <Group justify="space-between" gap="xs" mb="xs">
        <Group gap="md">
          {layers.map(({ label: name, color, of }) => (
            <Group key={name} gap={6} wrap="nowrap">
              <span className="swatch" style={{ background: `var(${color})` }} aria-hidden="true" />
              <Text size="xs" className="numbers">
                {name} <strong>{number(countOf(of))}</strong>
              </Text>
            </Group>
          ))}
          <Text size="xs" c="dimmed" className="numbers">
            {start === undefined ? `in ${window}` : bucketText(start, start + bucketMs, zone)}
          </Text>
        </Group>
        <Group gap="xs">
          {children}
          <Button variant="subtle" size="compact-sm" onClick={toggle} aria-pressed={isTable}>
            {isTable ? 'Show the chart' : 'Show as a table'}
          </Button>
        </Group>
      </Group>
      {isTable ? (
        table
      ) : (
        <CatchBoundary getResetKey={() => 'chart'} errorComponent={() => table}>
          <Suspense fallback={<Skeleton height={200} />}>
            <StackedChart
              starts={starts}
              bucketMs={bucketMs}
              layers={drawn}
              label={label}
              {...(marks && { marks })}
              onPoint={setPointed}
              onZoom={onZoom}
            />
          </Suspense>
        </CatchBoundary>
      )}
    </>
  );
};

type TableProps = {
  readonly buckets: readonly Bucket[];
  readonly starts: readonly number[];
  readonly bucketMs: number;
  readonly label: string;
  readonly onZoom: (from: number, until: number) => void;
};

/** The newest first. Times in which nothing happened are left out. */
const BucketTable = ({ buckets, starts, bucketMs, label, onZoom }: TableProps) => {
  const { zone } = useTimeZone();
  const rows = buckets
    .map((bucket, at) => ({ bucket, start: starts[at] ?? 0 }))
    .filter(({ bucket }) => bucket.accepted + bucket.succeeded + bucket.failedAttempts + bucket.failed > 0)
    .toReversed();
  if (rows.length === 0)
    return (
      <Text size="sm" c="dimmed" py="md">
        Nothing happened in this time.
      </Text>
    );
  return (
    <div className="table-frame chart-table" tabIndex={0} role="group" aria-label={label}>
      <Table aria-label={label} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Time</Table.Th>
            <Table.Th ta="right">Accepted</Table.Th>
            {layers.map(({ label: name }) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
            <Table.Th ta="right">p95</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ bucket, start }) => (
            <Table.Tr key={bucket.start}>
              <Table.Td className="numbers">
                <Anchor component="button" size="sm" onClick={() => onZoom(start, start + bucketMs)}>
                  {bucketText(start, start + bucketMs, zone)}
                </Anchor>
              </Table.Td>
              {[bucket.accepted, ...layers.map(({ of }) => of(bucket))].map((value, column) => (
                <Table.Td key={column} ta="right" className="numbers">
                  {number(value)}
                </Table.Td>
              ))}
              <Table.Td ta="right" className="numbers">
                {bucket.p95Ms === null ? '–' : milliseconds(bucket.p95Ms)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
};
