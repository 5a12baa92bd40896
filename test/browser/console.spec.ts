// The console in Chromium, against the built server and a real receiver: what a person does first, by role and accessible name.
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConsoleUnderTest, patienceMs } from '../support/console.ts';
import { createEndpoint, type Server } from '../support/server.ts';

let under: ConsoleUnderTest;
let server: Server;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  under = await ConsoleUnderTest.start();
  ({ server } = under);
  await server.graphql('mutation { defineEventType(input: { name: "order.created", group: "orders", sample: { order: 7 } }) { name } }');
  ({ context, page } = await under.open());
});
afterAll(() => under?.dispose());

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });

it('leads to the sign-in, says what is wrong with a key, and goes on to where one wanted to go', async () => {
  await page.goto('/deliveries');
  await page.getByLabel('API key', { exact: true }).fill('not-a-key-of-this-server');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page
    .getByRole('alert')
    .getByText(/not known here/)
    .waitFor();
  await page.getByLabel('API key', { exact: true }).fill(server.adminKey);
  await page.keyboard.press('Enter');
  await heading('Deliveries').waitFor();
  expect(new URL(page.url()).pathname).toBe('/deliveries');
  expect(await page.evaluate('document.cookie')).toBe('');
  under.complaints.length = 0; // the browser reports the refused requests
});

it('says on empty pages what belongs there', async () => {
  await page.getByRole('heading', { name: 'No deliveries yet' }).waitFor();
  await page.getByRole('link', { name: 'Endpoints', exact: true }).click();
  await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
});

it('makes an endpoint: previewed, tested before it is saved, and signed with a secret that is shown once', async () => {
  await page.getByRole('link', { name: 'New endpoint' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('Order desk');
  await page.getByLabel('URL', { exact: true }).fill(under.receiver.url);
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await page.getByText('The receiver took it').waitFor();
  expect(JSON.parse(under.receiver.got[0]?.body ?? '{}')).toMatchObject({ event: 'order.created', data: { order: 7 } });
  await page.getByLabel('Request body').getByText('"order": 7').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog', { name: 'The endpoint’s secret' }).waitFor();
  await page.getByRole('button', { name: 'Done' }).click();
  const row = page.getByRole('row', { name: /Order desk/ });
  await row.getByText('Active').waitFor();
});

it('shows a delivery that failed, why, and that it succeeds once the receiver is mended and somebody retries it', async () => {
  under.receiver.status = 500;
  await server.publish({ id: 'order-1', type: 'order.created', data: { order: 8 } });
  await page.getByRole('link', { name: 'Deliveries', exact: true }).click();
  const row = page.getByRole('row', { name: /Retrying.*order\.created/ });
  await expect
    .poll(async () => (await page.reload(), await page.waitForLoadState('networkidle'), row.count()), {
      timeout: patienceMs,
      interval: 500,
    })
    .toBe(1);
  await row.getByRole('link', { name: 'order.created' }).click();
  await page.getByText('The receiver answered 500 Internal Server Error.').first().waitFor();
  await page.getByLabel('Response body of attempt 1').getByText('out of order').waitFor();
  under.receiver.status = 200;
  await page.getByRole('button', { name: 'Retry now' }).click();
  await page.getByText('Succeeded', { exact: true }).first().waitFor();
  expect(under.receiver.got.at(-1)?.signature).toMatch(/^sha256=[0-9a-f]{64}$/);
  await page.goto('/endpoints');
  await page.getByRole('row', { name: /Order desk.*100% \(1\/1\)/ }).waitFor();
});

it('edits an endpoint, and says beside the button what changes', async () => {
  await page.getByRole('button', { name: 'Actions for Order desk' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Order desk 2');
  await page.getByText('Changes Name', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Order desk 2' }).waitFor();
});

it('defines an event type, and shows, copies and resets the signing key', async () => {
  await page.goto('/event-types');
  await page.getByRole('button', { name: 'Define event type' }).click();
  await page.getByLabel('Name', { exact: true }).fill('order.paid');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('order.paid', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  const key = page.getByLabel('Signing key', { exact: true });
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect.poll(() => key.textContent(), { timeout: patienceMs }).not.toMatch(/^•+$/);
  const before = await key.textContent();
  await page.getByRole('button', { name: 'Reset signing key' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reset signing key' }).click();
  await expect.poll(() => key.textContent(), { timeout: patienceMs }).toMatch(/^•+$/);
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect.poll(() => key.textContent(), { timeout: patienceMs }).toMatch(/^[^•]+$/);
  expect(await key.textContent()).not.toBe(before);
});

it('has nothing that axe finds on any page, in light or dark colours, nor anything wider than 360 px', async () => {
  await createEndpoint(server, {
    name: 'An endpoint whose name is longer than any column of the table is wide',
    url: under.receiver.url,
    eventTypes: ['none'],
  });
  const { endpoints, deliveries } = await server.graphql<{
    endpoints: { nodes: { id: string }[] };
    deliveries: { nodes: { id: string }[] };
  }>('{ endpoints(first: 1) { nodes { id } } deliveries(first: 1) { nodes { id } } }');
  const endpoint = `/endpoints/${endpoints.nodes[0]!.id}`;
  const faults = await under.faultsOf([
    '/endpoints',
    '/endpoints/new',
    endpoint,
    `${endpoint}/edit`,
    '/deliveries',
    `/deliveries/${deliveries.nodes[0]!.id}`,
    '/event-types',
    '/settings',
  ]);
  expect(faults).toEqual([]);
});

it('signs out', async () => {
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await page.goto('/endpoints');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await context.close();
});

it('broke no rule of the content security policy, and asked no other server for anything', () => {
  expect(under.complaints.filter((text) => !/401|Unauthorized/.test(text))).toEqual([]);
});
