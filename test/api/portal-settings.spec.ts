// How the portal looks: settings of each organization.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const fields = '{ name logo primaryColor colorScheme }';
const settings = async (key: string) =>
  (await api.query<{ portalSettings: unknown }>(`{ portalSettings ${fields} }`, {}, key)).portalSettings;
const update = (input: Record<string, unknown>, key = api.keys.ADMIN) =>
  api.ask<{ updatePortalSettings: unknown }>(
    `mutation ($input: PortalSettingsInput!) { updatePortalSettings(input: $input) ${fields} }`,
    { input },
    key,
  );
const nothing = { name: null, logo: null, primaryColor: null, colorScheme: 'AUTO' };

it('are changed by admins, for their organization, and read by everybody who reads', async () => {
  expect(await settings(api.keys.VIEWER)).toEqual(nothing);
  const given = { name: 'Acme', logo: 'data:image/png;base64,iVBORw0KGgo=', primaryColor: '#1a56db', colorScheme: 'DARK' };
  expect((await update(given)).data?.updatePortalSettings).toEqual(given);
  expect(await settings(api.keys.VIEWER)).toEqual(given);
  expect(await settings(api.keys.OTHER)).toEqual(nothing);
  const tip = await api.store.tip();
  await update(given);
  expect(await api.store.tip()).toBe(tip);
});

it('are refused by path, and nothing is stored', async () => {
  const tip = await api.store.tip();
  const { errors } = await update({ primaryColor: '#eeeeee' });
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path: 'input.primaryColor' }] });
  expect((await update({ name: 'X' }, api.keys.OPERATOR)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  expect(await api.store.tip()).toBe(tip);
});
