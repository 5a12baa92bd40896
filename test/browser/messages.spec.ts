// The pages of messages, publishing, replays, sources and the history in Chromium, against the built server and a real receiver.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signIn } from '../support/browser.ts';
import { ConsoleUnderTest } from '../support/console.ts';
import { LogServerDouble } from '../support/log-server/double.ts';
import { createEndpoint, type Server } from '../support/server.ts';

/** Another service writes its events there, too. */
let log: LogServerDouble;
let under: ConsoleUnderTest;
let server: Server;
let page: Page;
const keys: Record<string, string> = {};
/** No double holds it. */
const exact = '9007199254740993';

beforeAll(async () => {
  log = await LogServerDouble.start();
  under = await ConsoleUnderTest.start({ env: { HOOKLEDGER_EVENTSTORE_URL: log.url() } });
  ({ server } = under);
  await server.graphql('mutation { defineEventType(input: { name: "order.created", group: "orders", sample: { order: 7 } }) { name } }');
  for (const role of ['AUDITOR', 'VIEWER']) {
    const issue = 'mutation ($name: String!, $role: ApiKeyRole!) { issueApiKey(name: $name, role: $role) { key } }';
    keys[role] = (await server.graphql<{ issueApiKey: { key: string } }>(issue, { name: role.toLowerCase(), role })).issueApiKey.key;
  }
  ({ page } = await under.open());
  await signIn(page, server.adminKey, '/messages');
});
afterAll(async () => {
  await under?.dispose();
  await log?.stop();
});

const lane = (name: string) => page.getByRole('region', { name: `To ${name}`, exact: true });

it('say on empty pages what belongs there', async () => {
  await page.getByRole('heading', { name: 'No messages yet' }).waitFor();
  await page.getByRole('link', { name: 'Replays and retries' }).click();
  await page.getByRole('heading', { name: 'No replays yet' }).waitFor();
  await page.getByRole('tab', { name: 'Bulk retries' }).click();
  await page.getByRole('heading', { name: 'No bulk retries yet' }).waitFor();
  await page.getByRole('link', { name: 'Sources' }).click();
  await page.getByRole('heading', { name: 'No sources yet' }).waitFor();
});

it('publish a message: who would get it and why, and then what becomes of it', async () => {
  const { url } = under.receiver;
  await createEndpoint(server, { name: 'Audit', url });
  await createEndpoint(server, { name: 'Large orders', url, filter: { amount: { $gt: 100 } } });
  await page.getByRole('link', { name: 'Publish' }).click();
  await page.getByRole('combobox', { name: 'Event type' }).fill('order.created');
  const data = page.getByRole('textbox', { name: 'Data' });
  await data.getByText('"order"').waitFor();
  const reason = page.getByRole('row', { name: /Large orders.*No.*`amount` is missing/ });
  await reason.getByRole('button', { name: 'Mark in the data' }).click();
  await page.getByRole('group', { name: 'The data, marked' }).getByText('asks for {"$gt":100}').waitFor();
  await data.fill(`{"order": ${exact}, "amount": 5}`);
  await page.getByRole('row', { name: /Large orders.*`amount` is 5/ }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText('It was accepted, and goes to 1 endpoint').waitFor();
  await lane('Audit').getByText('Succeeded', { exact: true }).waitFor();
  expect(under.receiver.got.at(-1)?.body).toContain(`"order":${exact}`);
});

it('show a message with exact numbers and its routing, and send it to one more endpoint', async () => {
  await page.getByRole('link', { name: 'Open the message' }).click();
  await page.getByRole('group', { name: 'Data, as a tree' }).getByText(exact).waitFor();
  await page.getByText('Raw', { exact: true }).click();
  await page.getByLabel('Data, raw').getByText(`"order": ${exact}`).waitFor();
  await page.getByText('Tree', { exact: true }).click();
  await page.getByRole('tab', { name: 'Routing' }).click();
  await page.getByRole('button', { name: 'Mark in the data' }).click();
  await page.getByRole('group', { name: 'Data, as a tree' }).getByText('asks for {"$gt":100}').waitFor();
  await page.getByRole('tab', { name: 'Timeline' }).click();
  await page.getByRole('button', { name: 'Send to endpoint' }).click();
  await page.getByRole('combobox', { name: 'Endpoint' }).fill('Large');
  await page.getByRole('option', { name: 'Large orders' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click();
  await lane('Large orders').getByText('Succeeded', { exact: true }).waitFor();
  await lane('Large orders')
    .getByText(/for the first time/)
    .waitFor();
});

it('find messages by their content, and say that they can search further or that nothing matches', async () => {
  await page.getByRole('link', { name: 'Messages', exact: true }).first().click();
  await page.getByLabel('Content', { exact: true }).fill(`order = ${exact}`);
  await page.keyboard.press('Enter');
  const row = page.getByRole('row', { name: /order\.created/ });
  await row.getByRole('img', { name: '2 succeeded' }).waitFor();
  expect(new URL(page.url()).searchParams.get('content')).toBe(`order = ${exact}`);
  await page.getByLabel('Content', { exact: true }).fill('order = 9007199254740992');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Nothing matches these filters' }).waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await row.waitFor();
});

it('say what went wrong where the server fails, and try again', async () => {
  await page.route('**/graphql', (route) => route.fulfill({ status: 500, json: { errors: [{ message: 'Something broke here.' }] } }));
  await page.goto('/messages');
  await page.getByRole('alert').getByText('Something broke here.').waitFor();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('row', { name: /order\.created/ }).waitFor();
  under.complaints.length = 0; // the browser reports the failed requests
});

it('replay past messages, counted first', async () => {
  await page.goto('/replays');
  await page.getByRole('button', { name: 'New replay' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'New replay' });
  await dialog.getByRole('combobox', { name: 'Endpoint' }).click();
  await page.getByRole('option', { name: 'Audit' }).click();
  await dialog.getByText(/^1 message was accepted in this time; 1 went to this endpoint, and 0 failed there/).waitFor();
  await dialog.getByRole('button', { name: 'Start replay' }).click();
  const row = page.getByRole('row', { name: /Audit.*Finished.*1 examined, 0 sent/ });
  await row.waitFor();
});

it('read a source, show what it skipped and why, pause and resume it', async () => {
  await log.call('writeForeign', { stream: 'invoice-1', count: 2, type: 'InvoicePaid' });
  await log.call('writeForeign', { stream: 'invoice-1', count: 1, type: 'Paid at last' });
  await page.getByRole('link', { name: 'Sources' }).click();
  await page.getByRole('button', { name: 'New source' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'New source' });
  await dialog.getByLabel('Name', { exact: true }).fill('Invoices');
  await dialog.getByLabel('Category', { exact: true }).fill('in-voice');
  await dialog.getByLabel('Message types', { exact: true }).fill('{"InvoicePaid": "invoice.paid"}');
  await dialog.getByLabel('With the oldest event on the server').check();
  await dialog.getByRole('button', { name: 'Create source' }).click();
  await dialog.getByText(/A category ends before the first hyphen/).waitFor();
  await dialog.getByLabel('Category', { exact: true }).fill('invoice');
  await dialog.getByRole('button', { name: 'Create source' }).click();
  const row = page.getByRole('row', { name: /Invoices.*Active/ });
  await row.getByRole('button', { name: '1 skipped by Invoices' }).click();
  await page.getByRole('row', { name: /Paid at last.*invoice-1 · 2/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Pause Invoices' }).click();
  await page.getByRole('row', { name: /Invoices.*Paused.*2 1/ }).waitFor();
  await page.getByRole('button', { name: 'Resume Invoices' }).click();
  await row.waitFor();
});

it('show auditors the history, with what changed, and nothing to change', async () => {
  const { context, page: audit } = await under.open();
  await signIn(audit, keys['AUDITOR'] ?? '', '/');
  await audit.waitForURL(/\/history$/);
  await audit.getByRole('link', { name: /^The endpoint "Audit" was registered\./ }).click();
  await audit
    .getByRole('table', { name: 'Changes' })
    .getByRole('row', { name: /^name None Audit/ })
    .waitFor();
  expect(new URL(audit.url()).searchParams.get('position')).toMatch(/^[0-9a-f]+$/);
  await audit.reload();
  await audit.getByRole('region', { name: 'Effects' }).waitFor();
  await audit.getByRole('link', { name: 'Publish', exact: true }).click();
  await audit.getByText(/Yours has the role auditor/).waitFor();
  expect(await audit.getByRole('button', { name: 'Publish', exact: true }).count()).toBe(0);
  await audit.getByRole('link', { name: 'Replays and retries' }).click();
  await audit.getByRole('row', { name: /Audit.*Finished/ }).waitFor();
  expect(await audit.getByRole('button', { name: 'New replay' }).count()).toBe(0);
  await audit.getByRole('link', { name: 'Messages', exact: true }).click();
  await audit.getByRole('link', { name: 'order.created' }).click();
  await audit.getByRole('region', { name: 'To Audit' }).waitFor();
  expect(await audit.getByRole('button', { name: /Retry|Send to endpoint/ }).count()).toBe(0);
  await audit.getByRole('link', { name: 'Event types' }).click();
  await audit.getByRole('row', { name: /order\.created/ }).waitFor();
  expect(await audit.getByRole('button', { name: /Define event type|Retire/ }).count()).toBe(0);
  await audit.getByRole('link', { name: 'Endpoints', exact: true }).click();
  await audit.getByRole('row', { name: /Large orders/ }).waitFor();
  expect(await audit.getByRole('link', { name: 'New endpoint' }).count()).toBe(0);
  expect(await audit.getByRole('button', { name: /^Actions for/ }).count()).toBe(0);
  await context.close();
});

it('say who may read the history to those who may not', async () => {
  const { context, page: viewer } = await under.open();
  await signIn(viewer, keys['VIEWER'] ?? '', '/history');
  await viewer.getByRole('heading', { name: 'You have no right to see this' }).waitFor();
  await context.close();
});

it('have nothing that axe finds in light or dark colours, nor anything wider than 360 px', async () => {
  const { messages, history } = await server.graphql<{
    messages: { nodes: { id: string }[] };
    history: { nodes: { position: string }[] };
  }>('{ messages(first: 1) { nodes { id } } history(first: 1, filter: { types: ["endpoint.registered"] }) { nodes { position } } }');
  const message = `/messages/${messages.nodes[0]!.id}`;
  const faults = await under.faultsOf([
    '/messages',
    message,
    '/publish?type=order.created',
    '/replays',
    '/sources',
    `/history?type=endpoint.registered&position=${history.nodes[0]!.position}`,
  ]);
  expect(faults).toEqual([]);
});

it('delete a source after a question', async () => {
  await page.goto('/sources');
  await page.getByRole('button', { name: 'Delete Invoices' }).click();
  await page.getByRole('button', { name: 'Delete source' }).click();
  await page.getByRole('heading', { name: 'No sources yet' }).waitFor();
});

it('broke no rule of the content security policy, and asked no other server for anything', () => expect(under.complaints).toEqual([]));
