// What the table of ordered deliveries answers: who can go in a batch with whom, and who waits for a deleted endpoint.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { dueCause, subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId, Position } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { queueOf, type OrderedDeliveryRow } from '../../read-models/ordering/ordered-deliveries.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { waitingForTurn } from './backlogs.ts';
import { createDueAttempts, turnsIn, rowOf, takeWaiting, type DueAttemptsSchema } from './due-attempts-table.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const row = (id: string, place: number, { key = 'k', endpoint = e1, unit = id, attempt = 1 } = {}): OrderedDeliveryRow => {
  const of = { ...subject, endpointId: endpoint };
  const waiting = new ScheduleAttempt(id as DeliveryId, of, attempt, 0, attempt === 1 ? 'no-stream' : 3, 10, dueCause);
  return {
    id: id as DeliveryId,
    unit: unit as DeliveryId,
    queue: queueOf(endpoint, key),
    place: String(place).padStart(6, '0') as Position,
    endpoint_id: endpoint,
    detail: JSON.stringify(rowOf(waiting)),
  };
};

describe.each(databaseKinds)('the table of ordered deliveries on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let tables: Tables<DueAttemptsSchema>;
  beforeEach(async () => {
    place = await make();
    tables = await place.open().open('due', 1, createDueAttempts);
  });
  afterEach(async () => {
    await tables.close();
    await place.discard();
  });
  const write = (...rows: OrderedDeliveryRow[]) => tables.transaction((tx) => tx.insert('ordered_deliveries', rows));
  const followers = async (most: number, ...of: string[]) =>
    (await turnsIn(tables.read, of as DeliveryId[], most)).followers.map(({ id }) => id as string);

  it('names those that wait for others, oldest first, and no more than asked for', async () => {
    await write(
      row('a1', 1),
      row('b1', 2, { key: 'l' }),
      row('a2', 3),
      row('b2', 4, { key: 'l' }),
      row('a3', 5),
      row('x', 6, { endpoint: e2 }),
    );
    expect(await followers(10, 'a1', 'b1')).toEqual(['a2', 'b2', 'a3']);
    expect(await followers(2, 'a1', 'b1')).toEqual(['a2', 'b2']);
    expect(await followers(10, 'a1')).toEqual(['a2', 'a3']);
    expect(await followers(0, 'a1')).toEqual([]);
    expect(await followers(10, 'nobody')).toEqual([]);
  });

  it('leaves no gap: what was attempted before, or is in a batch, ends the run of its key', async () => {
    await write(row('a1', 1), row('a2', 2), row('a3', 3, { attempt: 2 }), row('a4', 4));
    await write(row('b1', 1, { key: 'l' }), row('b2', 2, { key: 'l', unit: 'batch' }), row('b3', 3, { key: 'l' }));
    expect(await followers(10, 'a1', 'b1')).toEqual(['a2']);
  });

  it('says which are in a batch already: nobody is taken for waiting behind them', async () => {
    await write(row('a1', 1, { unit: 'batch' }), row('a2', 2), row('b1', 1, { key: 'l' }), row('b2', 2, { key: 'l' }));
    const { batched, followers } = await turnsIn(tables.read, ['a1', 'b1'] as DeliveryId[], 10);
    expect([[...batched], followers.map(({ id }) => id)]).toEqual([['a1'], ['b2']]);
    expect([...(await turnsIn(tables.read, ['a1', 'b1'] as DeliveryId[], 0)).batched]).toEqual(['a1']);
  });

  it('counts those that wait for their turn', async () => {
    expect(await waitingForTurn(tables.read)).toBe(0);
    await write(row('a1', 1), row('a2', 2), row('a3', 3), row('x', 4, { endpoint: e2 }));
    await write(row('b1', 1, { key: 'l', unit: 'batch' }), row('b2', 2, { key: 'l', unit: 'batch' }), row('b3', 3, { key: 'l' }));
    expect(await waitingForTurn(tables.read)).toBe(3); // a2, a3 and b3
  });

  it('gives all that wait for a deleted endpoint, but for those that have their turn or are in a batch, and forgets it', async () => {
    await write(
      row('a1', 1),
      row('a2', 2),
      row('a3', 3, { unit: 'batch' }),
      row('b1', 4, { key: 'l' }),
      row('a4', 5),
      row('x1', 1, { endpoint: e2 }),
    );
    const taken = await tables.transaction(async (tx) => {
      const ids: string[] = [];
      for await (const attempts of takeWaiting(e1, tx)) ids.push(...attempts.map(({ id }) => id));
      return ids;
    });
    expect(taken).toEqual(['a2', 'a4']);
    expect(await tables.read.selectFrom('ordered_deliveries').select('id').execute()).toEqual([{ id: 'x1' }]);
  });
});
