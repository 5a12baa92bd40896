// docs/auditing.md is true: every query in it is asked, of a log in which its story happened.
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

  /** The answer to each query, in the order of the page; those that need a replay take the one that the page asks for. */
  const answers = async () => {
    const all: Record<string, unknown>[] = [];
    for (const query of blocks) {
      const needed = Array.from(query.split('{', 1)[0]?.matchAll(/\$(\w+):/g) ?? [], ([, name = '']) => name);
      const given = Object.fromEntries(needed.flatMap((name) => (name in variables ? [[name, variables[name]]] : [])));
      const answer = await api.query<Record<string, { id?: string }>>(query, given);
      if (answer['replayMessages']) variables['replayId'] = answer['replayMessages'].id;
      all.push(answer);
    }
    return all;
  };

  it('answers every query as it says', async () => {
    const all = await answers();
    expect(all).toHaveLength(blocks.length);
    const told = Object.assign({}, ...all) as Record<string, unknown>;
    const [, sentence = ''] = /^```text explanation\n(.*)\n/m.exec(page) ?? [];
    expect(told['explainRouting']).toMatchObject({ text: sentence, subscription: 'invoice.*' });
    expect(told['whatIfEndpoint']).toMatchObject({
      looked: 1,
      complete: true,
      gains: [{ message: { id: variables['messageId'] } }],
      losses: [],
    });
    expect(told['cancelReplay']).toMatchObject({ status: 'CANCELLED', reason: 'cancelled by apikey:default-ADMIN' });
    expect(told['there']).toEqual({ url: 'https://b.example' });
    expect(told['endpointChanges']).toContainEqual(
      expect.objectContaining({ field: 'url', from: 'https://a.example', to: 'https://b.example' }),
    );
    expect(told['history']).toMatchObject({ nodes: [{ type: 'endpoint.url-changed', actor: 'apikey:default-ADMIN' }] });
    expect(told['conservation']).toMatchObject({ routed: 0, balanced: true });
  });
});
