// What receivers asked for, in the table.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { ChangeReceiver, HoldEndpoint } from '../saga/saga-commands.ts';
import { createDueAttempts, type DueAttemptsSchema } from './due-attempts-table.ts';
import { heldEndpointsIn, holdEndpoints } from './held-endpoints.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const hold = (until: number, revision = 0, endpointId = e1) => new HoldEndpoint(endpointId, until, until, revision);
type Change = HoldEndpoint | ChangeReceiver;

describe.each(databaseKinds)('the table of held endpoints on $name', ({ make }) => {
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
  const change = (...changes: Change[]) => tables.transaction((tx) => holdEndpoints(changes, tx));
  const held = async () => (await heldEndpointsIn(tables.read, 10)).toSorted((a, b) => (a.endpointId < b.endpointId ? -1 : 1));

  it('has the longest hold of each endpoint, until it is over', async () => {
    await change(hold(50), hold(40), hold(9, 0, e2));
    await change(hold(30));
    expect(await held()).toEqual([hold(50)]);
  });

  const oneByOne = async (...changes: Change[]) => {
    let after: readonly HoldEndpoint[] = [];
    for (const each of changes) after = await change(each);
    return after;
  };

  it.each([
    ['in one transaction', change],
    ['in several', oneByOne],
  ])('ends a hold when the URL is changed, and takes none from the receiver before, %s', async (_, apply) => {
    await change(hold(50, 2));
    expect(await apply(new ChangeReceiver(e1, 5), hold(60, 4))).toEqual([hold(0, 5)]);
    expect(await held()).toEqual([]);
    expect(await apply(hold(40, 5))).toEqual([new HoldEndpoint(e1, 40, 40, 5)]);
    expect(await held()).toEqual([new HoldEndpoint(e1, 40, 40, 5)]);
  });
});
