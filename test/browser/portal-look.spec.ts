// What the portal leaves out for a session that may not do everything, and how it looks. In Chromium, against the built server.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/client.ts';
import { signIn } from '../support/browser.ts';
import { faultsOfPage, patienceMs, type ConsoleUnderTest } from '../support/console.ts';
import { endedNotice, go, heading, PortalUnderTest, type Capability } from '../support/portal.ts';
import { createEndpoint } from '../support/server.ts';

let portal: PortalUnderTest;
let ui: ConsoleUnderTest;
let endpointId: string;
beforeAll(async () => {
  portal = await PortalUnderTest.start();
  ({ ui } = portal);
  endpointId = await createEndpoint(ui.server, { name: 'Order desk', url: ui.receiver.url, secret: 'order-desk-secret' });
  await ui.server.publish({ id: 'order-1', type: 'order.created', data: { order: 8 } });
  await eventually(firstDelivery, ({ id }) => id !== '');
});
afterAll(() => portal?.dispose());

/** A delivery to the endpoint, and its message. */
const firstDelivery = async (): Promise<{ id: string; message: { id: string } }> => {
  const query = `{ deliveries(first: 1, filter: { endpointId: "${endpointId}" }) { nodes { id message { id } } } }`;
  const { deliveries } = await ui.server.graphql<{ deliveries: { nodes: { id: string; message: { id: string } }[] } }>(query);
  return deliveries.nodes[0] ?? { id: '', message: { id: '' } };
};

describe('what a session may not do', () => {
  /** By capability: the page, and what is drawn on it. */
  const drawn = async (page: Page) => {
    const shown: string[] = [];
    const look = async (name: string, locator: ReturnType<Page['getByRole']>) => {
      if ((await locator.count()) > 0) shown.push(name);
    };
    await go(page, '/endpoints');
    await page.getByRole('row', { name: /Order desk/ }).waitFor();
    await look('New endpoint', page.getByRole('link', { name: 'New endpoint' }));
    const actions = page.getByRole('button', { name: 'Actions for Order desk' });
    if ((await actions.count()) > 0) {
      await actions.click();
      await page.getByRole('menuitem').first().waitFor();
      shown.push(...(await page.getByRole('menuitem').allInnerTexts()));
      await page.keyboard.press('Escape');
    }
    await go(page, `/endpoints/${endpointId}`);
    await heading(page, 'Order desk').waitFor();
    await look('Edit page', page.getByRole('link', { name: 'Edit' }));
    await look('History', page.getByRole('tab', { name: 'History' }));
    await look('Test tab', page.getByRole('tab', { name: 'Test' }));
    await page.getByRole('tab', { name: 'Verify' }).click();
    await page.getByLabel('Verification in Node').waitFor();
    await look('Secret', page.getByRole('heading', { name: 'Secret' }));
    await go(page, '/deliveries');
    await page
      .getByRole('row', { name: /order\.created/ })
      .first()
      .waitFor();
    await look('Retry all', page.getByRole('button', { name: 'Retry all that match' }));
    await look('Selection', page.getByRole('checkbox'));
    const delivery = await firstDelivery();
    await go(page, `/deliveries/${delivery.id}`);
    await page
      .getByLabel(/Request headers of attempt/)
      .first()
      .waitFor();
    await look('Retry now', page.getByRole('button', { name: 'Retry now' }));
    await look('Body', page.getByLabel(/Request body of attempt/));
    await look('Playground', page.getByRole('button', { name: 'Show query' }));
    await go(page, `/messages/${delivery.message.id}`);
    await page.getByRole('region', { name: 'To Order desk' }).waitFor();
    await look('Data', page.getByRole('heading', { name: 'Data' }));
    await look('Retry in its lane', page.getByRole('button', { name: 'Retry now to Order desk' }));
    await look('Send', page.getByRole('button', { name: 'Send to endpoint' }));
    await page.getByRole('tab', { name: 'Routing' }).click();
    await page.getByRole('table', { name: 'Routing' }).getByText('Order desk').first().waitFor();
    return shown;
  };
  const managing = ['Edit', 'Pause', 'Disable', 'Rotate secret', 'Delete'];

  it.each<{ capabilities: Capability[]; limited?: true; shown: string[]; line: string }>([
    {
      capabilities: ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS', 'RETRY'],
      shown: (
        'New endpoint,Edit,Test,Pause,Disable,Rotate secret,Duplicate,Delete,Edit page,Test tab,Secret,' +
        'Retry all,Selection,Retry now,Body,Data,Retry in its lane'
      ).split(','),
      line: '',
    },
    {
      capabilities: [],
      shown: [],
      line: 'Switched off in this session: seeing contents, changing endpoints, seeing secrets, sending tests, and retrying.',
    },
    {
      capabilities: ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS'],
      limited: true,
      shown: [...managing, 'Edit page', 'Body', 'Data'],
      line: 'Switched off in this session: seeing secrets, sending tests, retrying, and making endpoints. It shows one endpoint only.',
    },
  ])('is left out, with one line: $capabilities', async ({ capabilities, limited, shown, line }) => {
    const { page, context } = await ui.open();
    await page.goto((await portal.openSession({ capabilities, ...(limited && { endpointIds: [endpointId] }) })).url);
    await heading(page, 'Endpoints').waitFor();
    expect(await drawn(page)).toEqual(shown);
    const note = page.getByRole('contentinfo');
    expect((await note.count()) === 0 ? '' : await note.innerText()).toBe(line);
    await context.close();
  });

  it('is refused on its page, too, where somebody knows the address', async () => {
    const { page, context } = await ui.open();
    await page.goto((await portal.openSession({ capabilities: [] })).url);
    await heading(page, 'Endpoints').waitFor();
    for (const path of ['/endpoints/new', `/endpoints/${endpointId}/edit`]) {
      await go(page, path);
      await page.getByRole('heading', { name: 'You have no right to do this' }).waitFor();
    }
    await context.close();
  });
});

it('looks as its organization says, a color that can’t be read is refused, and nothing names us', async () => {
  const { page, context } = await ui.open();
  await signIn(page, ui.server.adminKey);
  await page.goto('/settings');
  await page.getByLabel('Portal name').fill('Acme');
  await page.getByLabel('Primary color', { exact: true }).fill('#ffee00');
  await page.getByText(/Its contrast with white is 1\.\d : 1/).waitFor();
  const save = page.getByRole('region', { name: 'Portal' }).getByRole('button', { name: 'Save' });
  expect(await save.isDisabled()).toBe(true);
  await page.getByLabel('Primary color', { exact: true }).fill('#0b7a5c');
  const sample = page.getByRole('img', { name: 'The portal in dark colors' });
  await sample.getByText('Acme').waitFor();
  const picture = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><rect width="2" height="1"/></svg>');
  await page.locator('input[type=file]').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: picture });
  await sample.locator('img').waitFor();
  await save.click();
  await page.getByText('The portal’s look was saved.').waitFor();

  await page.goto((await portal.openSession()).url);
  await page.getByText('Acme', { exact: true }).waitFor();
  expect(await page.evaluate("document.querySelector('.portal-logo').naturalWidth > 0")).toBe(true);
  await page.getByRole('link', { name: 'New endpoint' }).waitFor();
  const button = 'getComputedStyle(document.querySelector(\'a[href$="/endpoints/new"]\'))';
  await expect.poll(() => page.evaluate(`${button}.backgroundColor`)).toBe('rgb(11, 122, 92)');
  await expect.poll(() => page.title()).toBe('Endpoints · Acme');
  expect(await page.locator('body').innerText()).not.toMatch(/hookledger/i);
  await context.close();
});

it(
  'has nothing that axe finds on any page in light or dark colors, nor anything wider than 360 px',
  { timeout: 4 * patienceMs },
  async () => {
    const { page, context } = await ui.open();
    const name = 'Acme Observability and Incident Management for Enterprises';
    await ui.server.graphql(
      'mutation ($name: String!) { updatePortalSettings(input: { name: $name, primaryColor: "#767676" }) { name } }',
      {
        name,
      },
    );
    const { url } = await portal.openSession({ capabilities: ['VIEW_PAYLOADS', 'MANAGE_ENDPOINTS', 'VIEW_SECRETS', 'SEND_TESTS'] });
    const faults: string[] = [];
    await page.goto('/portal');
    await heading(page, 'Your session is not open').waitFor();
    faults.push(...(await faultsOfPage(page)).map((fault) => `closed: ${fault}`));
    await page.goto(url);
    await heading(page, 'Endpoints').waitFor();
    const delivery = await firstDelivery();
    const paths = [
      '/endpoints',
      '/endpoints/new',
      `/endpoints/${endpointId}`,
      '/deliveries',
      `/deliveries/${delivery.id}`,
      '/messages',
      `/messages/${delivery.message.id}`,
      '/event-types',
    ];
    for (const path of paths) {
      await go(page, path);
      await page.waitForLoadState('networkidle');
      faults.push(...(await faultsOfPage(page)).map((fault) => `${path}: ${fault}`));
    }
    await portal.endSessions();
    await go(page, '/endpoints/new');
    await endedNotice(page).waitFor();
    faults.push(...(await faultsOfPage(page)).map((fault) => `ended: ${fault}`));
    expect(faults).toEqual([]);
    await context.close();
  },
);

it('broke no rule of the content security policy', () => {
  const own = ui.complaints.filter((text) => !text.startsWith(portal.hostUrl) && !/401|Unauthorized/.test(text));
  expect(own).toEqual([]);
});
