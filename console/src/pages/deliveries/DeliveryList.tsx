// The table of deliveries with its selection. Rows change in place; new ones come in at the top, or wait behind a button.
import { Button, Checkbox, Table } from '@mantine/core';
import { useCallback, useEffect, useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { IfMay } from '../../components/IfMay.tsx';
import { LoadMoreRow } from '../../components/LoadMoreRow.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Empty, Failure, NoMatch, SkeletonRows, type FilterChip } from '../../components/states.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { DeliveryRow } from './DeliveryRow.tsx';
import { deliveriesQuery, retryDelivery } from './deliveries.query.ts';
import type { Filter } from './filters.ts';
import { forgetList, rememberPage } from './last-list.ts';
import { newText } from './live-rows.ts';
import { Selection } from './Selection.tsx';
import { useDeliveryList, type Delivery } from './use-delivery-list.ts';

type Props = {
  readonly filter: Filter;
  readonly isFiltered: boolean;
  readonly chips: readonly FilterChip[];
  readonly onClear: () => void;
  /** Called when any delivery of the list changed. */
  readonly onChanges: () => void;
};

export const DeliveryList = ({ filter, isFiltered, chips, onClear, onChanges }: Props) => {
  const [chosen, setChosen] = useState<ReadonlyMap<string, Delivery>>(new Map());
  const { list, error, askAgain, show, pagesBelow, loadMore } = useDeliveryList(filter, chosen.size > 0, onChanges);
  const [retry] = useChange(retryDelivery, ['Delivery']);
  const retryOne = useCallback(
    async (id: string) => {
      const { error: refusal } = await retry({ id });
      if (refusal) sayRefusal(refusal);
      else say('It is retried now, with a fresh series of attempts.');
    },
    [retry],
  );
  const onRetry = useCallback((id: string) => void retryOne(id), [retryOne]);
  const choose = useCallback((delivery: Delivery, isChosen: boolean) => {
    setChosen((before) => {
      const next = new Map(before);
      if (isChosen) next.set(delivery.id, delivery);
      else next.delete(delivery.id);
      return next;
    });
  }, []);
  const shownIds = list?.live.rows.map(({ id }) => id);
  useEffect(() => forgetList(), []);
  useEffect(() => {
    if (shownIds !== undefined) rememberPage('', shownIds);
  }, [shownIds]);
  if (list === undefined) return <div className="surface">{error ? <Failure error={error} onRetry={askAgain} /> : <SkeletonRows />}</div>;
  const { live, next, changed } = list;
  if (live.rows.length === 0)
    return (
      <div className="surface">
        {isFiltered ? (
          <NoMatch onClear={onClear} chips={chips} />
        ) : (
          <Empty title="No deliveries yet" action={<ButtonTo to="/endpoints">Go to the endpoints</ButtonTo>}>
            A delivery is one message on its way to one endpoint. Publish a message that an endpoint subscribes to, and it shows here.
          </Empty>
        )}
      </div>
    );
  const rows = { chosen, onChoose: choose, onRetry };
  const isAllChosen = live.rows.every(({ id }) => chosen.has(id));
  return (
    <div>
      {chosen.size > 0 && <Selection chosen={[...chosen.values()]} onDone={() => setChosen(new Map())} />}
      <div className="new-rows" aria-live="polite">
        {live.waiting.length > 0 && (
          <Button size="compact-sm" radius="xl" onClick={show}>
            {newText(live)}
          </Button>
        )}
      </div>
      <div className="surface table-frame">
        <Table aria-label="Deliveries">
          <Table.Thead>
            <Table.Tr>
              <IfMay capability="RETRY">
                <Table.Th w={40}>
                  <Checkbox
                    size="xs"
                    aria-label="Select all on this page"
                    checked={isAllChosen}
                    indeterminate={chosen.size > 0 && !isAllChosen}
                    onChange={({ currentTarget }) =>
                      setChosen(new Map(currentTarget.checked ? live.rows.map((row) => [row.id, row] as const) : []))
                    }
                  />
                </Table.Th>
              </IfMay>
              <Table.Th>Status</Table.Th>
              <Table.Th>Event type</Table.Th>
              <Table.Th visibleFrom="xl">Message</Table.Th>
              <Table.Th visibleFrom="sm">Endpoint</Table.Th>
              <Table.Th visibleFrom="sm">Attempts</Table.Th>
              <Table.Th visibleFrom="md">Last code or reason</Table.Th>
              <Table.Th visibleFrom="lg">Next attempt</Table.Th>
              <Table.Th visibleFrom="sm">Created</Table.Th>
              <Table.Th visibleFrom="xl">Ended</Table.Th>
              <IfMay capability="RETRY">
                <Table.Th w={40}>
                  <span className="visually-hidden">Actions</span>
                </Table.Th>
              </IfMay>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {live.rows.map((delivery) => (
              <DeliveryRow key={delivery.id} delivery={delivery} isChosen={chosen.has(delivery.id)} onChoose={choose} onRetry={onRetry} />
            ))}
            <LoadMoreRow
              columns={columns}
              isLoading={false}
              failure={undefined}
              onRetry={askAgain}
              next={pagesBelow.length === 0 ? next : null}
              onMore={loadMore}
            />
            {pagesBelow.map((after) => (
              <PageBelow
                key={after}
                {...rows}
                after={after}
                filter={filter}
                changed={changed}
                isLast={after === pagesBelow.at(-1)}
                onMore={loadMore}
              />
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </div>
  );
};

const columns = 11;

type PageProps = {
  readonly after: string;
  readonly filter: Filter;
  readonly changed: ReadonlyMap<string, Delivery>;
  readonly chosen: ReadonlyMap<string, Delivery>;
  readonly onChoose: (delivery: Delivery, isChosen: boolean) => void;
  readonly onRetry: (id: string) => void;
  readonly isLast: boolean;
  readonly onMore: (after: string) => void;
};

const PageBelow = ({ after, filter, changed, chosen, onChoose, onRetry, isLast, onMore }: PageProps) => {
  const { data, error, isLoading, askAgain } = useAsk(deliveriesQuery, { filter, after }, { typenames: ['Delivery'], isLive: true });
  useEffect(() => {
    if (data !== undefined)
      rememberPage(
        after,
        data.deliveries.nodes.map(({ id }) => id),
      );
  }, [after, data]);
  const page = data?.deliveries.pageInfo;
  const next = page?.hasNextPage === true ? page.endCursor : null;
  return (
    <>
      {data?.deliveries.nodes.map((delivery) => (
        <DeliveryRow
          key={delivery.id}
          delivery={changed.get(delivery.id) ?? delivery}
          isChosen={chosen.has(delivery.id)}
          onChoose={onChoose}
          onRetry={onRetry}
        />
      ))}
      <LoadMoreRow
        columns={columns}
        isLoading={isLoading}
        failure={data ? undefined : error}
        onRetry={askAgain}
        next={isLast ? next : null}
        onMore={onMore}
      />
    </>
  );
};
