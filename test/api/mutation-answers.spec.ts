// What a mutation of an endpoint answers: the endpoint after the change, as later queries show it.
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => api.close());

const fields = '{ id name status url headers { name value } createdAt updatedAt }';
type Answer = { id: string; name: string; createdAt: string; updatedAt: string };
const create = async () => {
  const input = { name: 'A', url: 'https://a.example/hook?token=t', headers: [{ name: 'X-A', value: 'secret' }] };
  const { createEndpoint } = await api.query<{ createEndpoint: Answer }>(
    `mutation ($input: EndpointInput!) { createEndpoint(input: $input) ${fields} }`,
    { input },
  );
  return createEndpoint;
};
const rename = async (id: string, name: string) =>
  (
    await api.query<{ updateEndpoint: Answer }>(
      `mutation ($id: ID!, $name: String) { updateEndpoint(id: $id, input: { name: $name }) ${fields} }`,
      { id, name },
    )
  ).updateEndpoint;
const shown = async (id: string) =>
  (await api.query<{ endpoint: Answer }>(`query ($id: ID!) { endpoint(id: $id) ${fields} }`, { id })).endpoint;

it('is what the next query shows', async () => {
  const created = await create();
  expect(created).toEqual(await shown(created.id));
  expect(created.updatedAt).toBe(created.createdAt);
  const renamed = await rename(created.id, 'B');
  expect(renamed).toMatchObject({ name: 'B', createdAt: created.createdAt });
  expect(renamed.updatedAt > created.updatedAt).toBe(true);
  expect(renamed).toEqual(await shown(created.id));
});

it("reads the endpoint's stream once, to decide", async () => {
  const { id } = await create();
  const read = vi.spyOn(api.store, 'readStream');
  await rename(id, 'C');
  expect(read.mock.calls.map(([stream]) => stream)).toEqual([`endpoint-${id}`]);
});

it('comes from the log while the directory does not have the change', async () => {
  const { id } = await create();
  vi.spyOn(api.directory.progress, 'position', 'get').mockReturnValue(undefined);
  vi.spyOn(api.directory.progress, 'reached').mockResolvedValue(false);
  const read = vi.spyOn(api.store, 'readStream');
  expect(await rename(id, 'D')).toMatchObject({ name: 'D' });
  expect(read).toHaveBeenCalledTimes(2);
});
