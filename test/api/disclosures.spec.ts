// Who was shown a secret is in the log before the answer is: once per key, secret and hour.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RecordDisclosure, RecordDisclosureHandler } from '../../src/commands/disclosure-commands.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import type { EndpointId } from '../../src/domain/ids.ts';
import { LogUnavailable } from '../../src/event-store/event-store.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

type Shown = { type: string; actor: string; actorId: string; data: Record<string, string> };
type Made = { id: string; secret: string };
const create = async (): Promise<Made> => {
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id secret } }';
  const input = { name: 'A', url: 'https://hooks.example/in', signature: 'WEBHOOK_SHA256' };
  return (await api.query<{ createEndpoint: Made }>(mutation, { input })).createEndpoint;
};
const read = (id: string, key = api.keys.ADMIN) =>
  api.query<{ endpoint: { secret: string | null } }>('query ($id: ID!) { endpoint(id: $id) { secret } }', { id }, key);
const readSigningKey = () => api.query<{ organization: { signingKey: string } }>('{ organization { signingKey } }');
/** As an auditor finds them. */
const disclosures = async (filter: Record<string, unknown> = {}): Promise<readonly Shown[]> => {
  const tip = await api.store.tip();
  if (tip !== undefined) await api.readModels.views.reached(tip, 5000);
  const query = 'query ($filter: HistoryFilter) { history(first: 200, filter: $filter) { nodes { type actor actorId data } } }';
  const types = ['disclosure.secret-shown', 'disclosure.signing-key-shown'];
  const variables = { filter: { types, ...filter } };
  return (await api.query<{ history: { nodes: Shown[] } }>(query, variables, api.keys.AUDITOR)).history.nodes;
};

describe('a secret that is shown', () => {
  let made: Made;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2030-01-01T12:10:00.000Z') });
    made = await create();
  });

  it('is recorded with who saw it, once an hour', async () => {
    expect(await read(made.id)).toEqual({ endpoint: { secret: made.secret } });
    const again = 'query ($id: ID!) { a: endpoint(id: $id) { secret } b: endpoint(id: $id) { secret } endpoints { nodes { secret } } }';
    await api.query(again, { id: made.id });
    const shown = { type: 'disclosure.secret-shown', actor: 'apikey:default-ADMIN', actorId: expect.stringMatching(/./) };
    const data = { organizationId: 'default', endpointId: made.id, hour: '2030-01-01T12:00:00.000Z' };
    expect(await disclosures({ endpointId: made.id })).toEqual([{ ...shown, data }]);
    vi.setSystemTime('2030-01-01T13:00:00.000Z');
    await read(made.id);
    expect(await disclosures({ endpointId: made.id })).toEqual([
      { ...shown, data },
      { ...shown, data: { ...data, hour: '2030-01-01T13:00:00.000Z' } },
    ]);
  });

  it('is recorded for each key that it is shown to', async () => {
    const issue = 'mutation { issueApiKey(name: "second", role: ADMIN) { key } }';
    const { issueApiKey } = await api.query<{ issueApiKey: { key: string } }>(issue);
    await read(made.id);
    await read(made.id, issueApiKey.key);
    const shown = await disclosures({ endpointId: made.id });
    expect(shown.map(({ actor }) => actor)).toEqual(['apikey:default-ADMIN', 'apikey:second']);
  });

  it('is recorded once by several replicas, and after a restart', async () => {
    await read(made.id);
    const { actor, actorId } = (await disclosures({ endpointId: made.id }))[0]!;
    const caller = { organizationId: 'default', actor, actorId, correlationId: 'r' } as RecordDisclosure['caller'];
    await new RecordDisclosureHandler(new CommandExecutor(api.store)).execute(new RecordDisclosure(caller, made.id as EndpointId));
    expect(await disclosures({ endpointId: made.id })).toHaveLength(1);
  });

  it('is not shown while that can not be recorded', async () => {
    vi.spyOn(api.store, 'append').mockRejectedValue(new LogUnavailable('The disk is full.', 1));
    const { data, errors } = await api.ask<{ endpoint: { secret: string | null } }>('query ($id: ID!) { endpoint(id: $id) { secret } }', {
      id: made.id,
    });
    expect(data).toEqual({ endpoint: { secret: null } });
    expect(errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
    vi.restoreAllMocks();
    expect(await read(made.id)).toEqual({ endpoint: { secret: made.secret } });
    expect(await disclosures({ endpointId: made.id })).toHaveLength(1);
  });

  it('is not recorded where it is made, or where nobody sees it', async () => {
    const rotate = 'mutation ($id: ID!) { rotateEndpointSecret(id: $id) { secret } }';
    const { rotateEndpointSecret } = await api.query<{ rotateEndpointSecret: Made }>(rotate, { id: made.id });
    expect(rotateEndpointSecret.secret).toMatch(/^[\w-]{43}$/);
    expect(await read(made.id, api.keys.VIEWER)).toEqual({ endpoint: { secret: null } });
    await api.query('query ($id: ID!, $asOf: DateTime) { endpoint(id: $id, asOf: $asOf) { secret } }', { id: made.id, asOf: new Date() });
    expect(await disclosures({ endpointId: made.id })).toEqual([]);
  });

  it('may be the signing key of the organization', async () => {
    await readSigningKey();
    await readSigningKey();
    expect(await disclosures({ types: ['disclosure.signing-key-shown'] })).toEqual([
      expect.objectContaining({ actor: 'apikey:default-ADMIN', data: { organizationId: 'default', hour: '2030-01-01T12:00:00.000Z' } }),
    ]);
  });
});
