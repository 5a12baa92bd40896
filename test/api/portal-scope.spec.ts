// Portal sessions of some endpoints: what they see, and what they are told nothing of.
import { beforeAll, describe, expect, it } from 'vitest';
import { api, setUp, open, refusal, create, publish } from './given-portal.ts';

setUp();

describe('a session of some endpoints', () => {
  let mine: string;
  let theirs: string;
  let shared: string;
  let onlyTheirs: string;
  let token: string;
  beforeAll(async () => {
    mine = await create('mine', { eventTypes: ['some.both', 'some.mine'] });
    theirs = await create('theirs', { eventTypes: ['some.both', 'some.theirs'] });
    shared = await publish('some.both', { n: 1 });
    onlyTheirs = await publish('some.theirs', { n: 2 });
    ({ token } = await open({ endpointIds: [mine] }));
  });

  it('sees these endpoints, their deliveries, and the messages that went to them', async () => {
    const query = `{ endpoints { count { value exact } nodes { id } edges { node { id } } } messages { count { value exact } nodes { id } }
      deliveries { count { value exact } nodes { endpoint { id } message { id } } } }`;
    const count = { value: 1, exact: true };
    expect(await api.query(query, {}, token)).toEqual({
      endpoints: { count, nodes: [{ id: mine }], edges: [{ node: { id: mine } }] },
      messages: { count, nodes: [{ id: shared }] },
      deliveries: { count, nodes: [{ endpoint: { id: mine }, message: { id: shared } }] },
    });
    // Pages are full: what the session does not see takes no place in them.
    expect(await api.query('{ messages(first: 1) { nodes { id } } deliveries(first: 1) { nodes { message { id } } } }', {}, token)).toEqual(
      {
        messages: { nodes: [{ id: shared }] },
        deliveries: { nodes: [{ message: { id: shared } }] },
      },
    );
    const both = await open({ endpointIds: [mine, theirs] });
    const { messages } = await api.query<{ messages: { nodes: unknown[] } }>('{ messages { nodes { id } } }', {}, both.token);
    expect(messages.nodes).toEqual([{ id: onlyTheirs }, { id: shared }]);
  });

  it('is told nothing of the others: neither by their ids, nor beside its own', async () => {
    const message = `query ($id: ID!) { message(id: $id) { deliveries { endpoint { id } } skipped { id } timeline { text } } }`;
    const seen = await api.query<{ message: { deliveries: unknown[] } }>(message, { id: shared }, token);
    expect(seen.message.deliveries).toEqual([{ endpoint: { id: mine } }]);
    expect(JSON.stringify(seen)).not.toContain('theirs');
    expect(await api.query(message, { id: onlyTheirs }, token)).toEqual({ message: null });
    expect(await api.query('query ($id: ID!) { endpoint(id: $id) { id } }', { id: theirs }, token)).toEqual({ endpoint: null });
    for (const name of ['pauseEndpoint', 'deleteEndpoint', 'testEndpoint', 'rotateEndpointSecret'])
      expect(
        await refusal(`mutation ($id: ID!) { ${name}(id: $id)${name === 'deleteEndpoint' ? '' : ' { id }'} }`, token, { id: theirs }),
      ).toMatchObject({
        code: 'NOT_FOUND',
        message: expect.stringContaining('There is no endpoint') as string,
      });
    expect((await refusal('query ($id: ID) { conservation(endpointId: $id) { open } }', token, { id: theirs })).code).toBe('NOT_FOUND');
  });

  it('is told of a message what became of it at these endpoints', async () => {
    const query = `query ($id: ID!) { message(id: $id) { outcome { open skipped } routing { nodes { endpoint { id } routed } } } }`;
    const at = (id: string) => ({ endpoint: { id }, routed: true });
    const all = await api.query<{ message: { outcome: unknown; routing: { nodes: unknown[] } } }>(query, { id: shared });
    expect(all.message.outcome).toEqual({ open: 2, skipped: 0 });
    expect(all.message.routing.nodes).toEqual(expect.arrayContaining([at(mine), at(theirs)]));
    expect(await api.query(query, { id: shared }, token)).toEqual({
      message: { outcome: { open: 1, skipped: 0 }, routing: { nodes: [at(mine)] } },
    });
  });

  it('makes no endpoints, and asks nothing about all of them', async () => {
    const input = '{ name: "n", url: "https://a.example" }';
    expect((await refusal(`mutation { createEndpoint(input: ${input}) { id } }`, token)).code).toBe('FORBIDDEN');
    expect((await refusal(`{ whatIf(endpoint: ${input}) { looked } }`, token)).code).toBe('FORBIDDEN');
    expect((await refusal('{ conservation { open } }', token)).code).toBe('BAD_USER_INPUT');
  });

  it('retries only their deliveries', async () => {
    const retry = 'mutation ($f: DeliveryFilter!) { retryDeliveries(filter: $f) { matched } }';
    const all = await api.query<{ retryDeliveries: { matched: number } }>(retry, { f: { status: ['PENDING'], messageId: shared } });
    const filter = { status: ['PENDING'], messageId: shared };
    const own = await api.query<{ retryDeliveries: { matched: number } }>(retry, { f: filter }, token);
    expect([all.retryDeliveries.matched, own.retryDeliveries.matched]).toEqual([2, 1]);
    const none = await api.ask<{ retryDeliveries: { matched: number } }>(retry, { f: { ...filter, endpointId: theirs } }, token);
    expect(none.data?.retryDeliveries.matched ?? 0).toBe(0);
    const { bulkRetries } = await api.query<{ bulkRetries: { nodes: unknown[] } }>('{ bulkRetries { nodes { actor } } }', {}, token);
    expect(bulkRetries.nodes).toEqual(expect.arrayContaining([{ actor: 'portal:anna' }]));
    expect(bulkRetries.nodes).not.toContainEqual({ actor: 'apikey:default-ADMIN' });
  });
});
