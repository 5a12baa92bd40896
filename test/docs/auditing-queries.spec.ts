// docs/auditing.md is true: every query in it runs on a log in which its story happened.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from '../api/api-server.ts';
import { logKinds, type LogUnderTest } from '../support/logs.ts';

const page = readFileSync(new URL('../../docs/auditing.md', import.meta.url), 'utf8');
const blocks = Array.from(page.matchAll(/^```graphql\n([^]*?)^```$/gm), ([, query = '']) => query);

describe.each(logKinds)('on $name,', ({ make }) => {
  let api: ApiServer;
  let log: LogUnderTest;
  const variables: Record<string, unknown> = {};
  beforeAll(async () => {
    log = await make();
    api = await startApi({ log });
    const { createEndpoint } = await api.query<{ createEndpoint: { id: string } }>(
      'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }',
      { input: { name: 'Billing', url: 'https://a.example', eventTypes: ['invoice.*'], filter: { amount: [{ numeric: ['>', 100] }] } } },
    );
    variables['endpointId'] = createEndpoint.id;
    await api.query('mutation ($id: ID!) { updateEndpoint(id: $id, input: { url: "https://b.example" }) { id } }', {
      id: createEndpoint.id,
    });
    const { publishMessages } = await api.query<{ publishMessages: { id: string; position: string }[] }>(
      'mutation { publishMessages(messages: [{ type: "invoice.paid", data: { amount: 5 } }]) { id position } }',
    );
    [variables['messageId'], variables['position']] = [publishMessages[0]?.id, publishMessages[0]?.position];
  });
  afterAll(async () => {
    await api.close();
    await log.discard();
  });

  /** Answers to the queries, in the order of the page. Queries about a replay or a bulk retry use the one that the page starts. */
  const answers = async () => {
    const all: Record<string, unknown>[] = [];
    for (const query of blocks) {
      const needed = Array.from(query.split('{', 1)[0]?.matchAll(/\$(\w+):/g) ?? [], ([, name = '']) => name);
      const given = Object.fromEntries(needed.flatMap((name) => (name in variables ? [[name, variables[name]]] : [])));
      const answer = await api.query<Record<string, { id?: string }>>(query, given);
      if (answer['replayMessages']) variables['replayId'] = answer['replayMessages'].id;
      if (answer['retryDeliveries']) variables['bulkRetryId'] = answer['retryDeliveries'].id;
      all.push(answer);
    }
    return all;
  };

  it('answers every query as it says', async () => {
    const all = await answers();
    expect(all).toHaveLength(blocks.length);
    const answer = Object.assign({}, ...all) as Record<string, unknown>;
    const [, sentence = ''] = /^```text explanation\n(.*)\n/m.exec(page) ?? [];
    expect(answer['explainRouting']).toMatchObject({ text: sentence, subscription: 'invoice.*' });
    expect(answer['whatIfEndpoint']).toMatchObject({
      looked: 1,
      complete: true,
      gains: [{ message: { id: variables['messageId'] } }],
      losses: [],
    });
    expect(answer['retryDeliveries']).toMatchObject({ matched: 0, retried: 0, status: 'RUNNING' });
    expect(answer['cancelBulkRetry']).toMatchObject({ status: 'CANCELLED' });
    expect(answer['cancelReplay']).toMatchObject({ status: 'CANCELLED', reason: 'cancelled by apikey:default-ADMIN' });
    expect(answer['there']).toEqual({ url: 'https://b.example' });
    expect(answer['endpointChanges']).toContainEqual(
      expect.objectContaining({ field: 'url', from: 'https://a.example', to: 'https://b.example' }),
    );
    expect(answer['history']).toMatchObject({ nodes: [{ type: 'endpoint.url-changed', actor: 'apikey:default-ADMIN' }] });
    expect(answer['conservation']).toMatchObject({ routed: 0, balanced: true });
  });
});
