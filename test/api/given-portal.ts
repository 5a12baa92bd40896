// Given the API in process, and portal sessions: the fixture of their specs.
import { afterAll, beforeAll } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

export let api: ApiServer;

/** One server for all tests of a file. */
export const setUp = (): void => {
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());
};

export type Opened = { token: string; url: string; expiresAt: string };
export const open = async (input: Record<string, unknown> = {}, key = api.keys.ADMIN): Promise<Opened> => {
  const mutation = 'mutation ($i: PortalSessionInput!) { createPortalSession(input: $i) { token url expiresAt } }';
  const { createPortalSession } = await api.query<{ createPortalSession: Opened }>(mutation, { i: { subject: 'anna', ...input } }, key);
  return createPortalSession;
};
export const tokenWith = async (...capabilities: string[]) => (await open({ capabilities })).token;
export const refusal = async (query: string, key: string, variables: Record<string, unknown> = {}) => {
  const { errors } = await api.ask(query, variables, key);
  return { code: errors?.[0]?.extensions.code, message: errors?.[0]?.message ?? '', issues: errors?.[0]?.extensions.issues };
};
export const create = async (name: string, more: Record<string, unknown> = {}, key = api.keys.ADMIN): Promise<string> => {
  const input = { name, url: 'https://a.example/hook', eventTypes: [`${name}.now`], secret: `secret-of-${name}`, ...more };
  const mutation = 'mutation ($i: EndpointInput!) { createEndpoint(input: $i) { id } }';
  return (await api.query<{ createEndpoint: { id: string } }>(mutation, { i: input }, key)).createEndpoint.id;
};
export const publish = async (type: string, data: unknown): Promise<string> => {
  const mutation = 'mutation ($t: String!, $d: JSON!) { publishMessages(messages: [{ type: $t, data: $d }]) { id } }';
  const { publishMessages } = await api.query<{ publishMessages: { id: string }[] }>(mutation, { t: type, d: data });
  return publishMessages[0]!.id;
};
