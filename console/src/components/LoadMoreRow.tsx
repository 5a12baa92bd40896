// The last row of a table that comes in pages: it loads, failed, or offers the next page.
import { Button, Table } from '@mantine/core';
import type { CombinedError } from 'urql';
import { Failure, SkeletonRows } from './states.tsx';

type Props = {
  readonly columns: number;
  readonly isLoading: boolean;
  /** The page has no rows to show because of it. */
  readonly failure: CombinedError | undefined;
  readonly onRetry: () => void;
  /** The cursor of the next page; null: there is none, or it is shown below. */
  readonly next: string | null;
  readonly onMore: (cursor: string) => void;
};

export const LoadMoreRow = ({ columns, isLoading, failure, onRetry, next, onMore }: Props) =>
  isLoading || failure || next !== null ? (
    <Table.Tr>
      <Table.Td colSpan={columns} ta="center">
        {failure ? (
          <Failure error={failure} onRetry={onRetry} />
        ) : isLoading ? (
          <SkeletonRows rows={2} />
        ) : (
          <Button variant="subtle" onClick={() => next !== null && onMore(next)}>
            Load more
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  ) : null;
