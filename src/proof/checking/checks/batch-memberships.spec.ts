import { expect, it } from 'vitest';
import { BatchMemberships } from './batch-memberships.ts';

it.each([10, 250_000])('finds the deliveries that are in two batches among %i, in memory or in files', (count) => {
  const memberships = new BatchMemberships();
  const delivery = (n: number) => `delivery-00000000-0000-8000-8000-${n.toString(16).padStart(12, '0')}`;
  for (let n = 0; n < count; n++) memberships.add({ delivery: delivery(n), batch: `batch-${n % 7}`, position: String(n) });
  memberships.add({ delivery: delivery(3), batch: 'batch-again', position: String(count) });
  expect([...memberships.repeated()]).toEqual([
    { delivery: delivery(3), batch: 'batch-again', position: String(count), before: 'batch-3' },
  ]);
});
