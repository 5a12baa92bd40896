// The overview, the organizations and the system page in Chromium: their ways through, what they show without data, rights or an answer, and that
// nothing of one organization is shown in another.
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signIn } from '../support/browser.ts';
import { ConsoleUnderTest, patienceMs } from '../support/console.ts';
import type { Server } from '../support/server.ts';

let under: ConsoleUnderTest;
let server: Server;
let context: BrowserContext;
let page: Page;

const heading = (name: string) => page.getByRole('heading', { level: 1, name });
const createEndpoint = async (input: object, organization?: string): Promise<string> => {
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  return (await server.graphql<{ createEndpoint: { id: string } }>(mutation, { input }, organization)).createEndpoint.id;
};
const issueKey = async (role: string, organization?: string): Promise<string> => {
  const mutation = 'mutation ($role: ApiKeyRole!) { issueApiKey(name: "A key of the spec", role: $role) { key } }';
  return (await server.graphql<{ issueApiKey: { key: string } }>(mutation, { role }, organization)).issueApiKey.key;
};

beforeAll(async () => {
  under = await ConsoleUnderTest.start();
  ({ server } = under);
  ({ context, page } = await under.open());
});
afterAll(() => under?.dispose());

it('is where one lands, and says the next step while there are no endpoints', async () => {
  await signIn(page, server.adminKey, '/');
  await heading('Overview').waitFor();
  await page.getByRole('heading', { name: 'No endpoints yet' }).waitFor();
});

it('says in a sentence and in figures what fails, and the balance adds up and leads to its lists', async () => {
  await createEndpoint({ name: 'Order desk', url: under.receiver.url, retryPolicy: { delaysSeconds: [0] } });
  under.receiver.status = 500;
  await server.publish([1, 2, 3].map((order) => ({ type: 'order.created', data: { order } })));
  await expect.poll(() => under.receiver.got.length, { timeout: patienceMs }).toBe(3);
  const sentence = page.getByText('1 of 1 endpoint fails; nothing waits');
  const isShown = async () => (await page.goto('/?window=1h'), await page.waitForLoadState('networkidle'), sentence.isVisible());
  await expect.poll(isShown, { timeout: patienceMs, interval: 500 }).toBe(true);
  const figure = (name: string) => page.locator('dl > div', { has: page.getByText(name, { exact: true }) });
  expect(await figure('Accepted').innerText()).toMatch(/3\s+in the last hour/);
  expect(await figure('Failed').innerText()).toMatch(/3\s+in the last hour/);
  await page.getByText('It balances').waitFor();
  await page.getByRole('link', { name: '3 failed' }).click();
  await page
    .getByRole('row', { name: /Failed.*order\.created/ })
    .first()
    .waitFor();
  expect(await page.getByRole('row', { name: /Failed.*order\.created/ }).count()).toBe(3);
  await page.goBack();
});

it('shows the same as a chart and as a table, and a time that was chosen in either', async () => {
  const chart = page.getByRole('img', { name: 'Attempts in the last hour: 0 succeeded, 0 failed, tried again, 3 failed for good' });
  await chart.waitFor();
  const box = (await chart.locator('.u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await page.getByRole('button', { name: 'Leave the chosen time' }).waitFor();
  expect(new URL(page.url()).searchParams.get('from')).not.toBeNull();
  await page.getByRole('button', { name: 'Leave the chosen time' }).click();
  await page.getByRole('button', { name: 'Show as a table' }).click();
  const cells = page
    .getByRole('table', { name: /^Attempts in the last hour/ })
    .getByRole('row')
    .nth(1)
    .getByRole('cell');
  await cells.nth(4).getByText('3', { exact: true }).waitFor();
});

it('lists the endpoints that need somebody, and pauses one and retries what failed from there', async () => {
  under.receiver.status = 200;
  const row = page.getByRole('table', { name: 'Needs attention' }).getByRole('row', { name: /Order desk/ });
  await row
    .getByText(/It fails: 3 attempts in a row failed/)
    .last()
    .waitFor();
  await row.getByRole('button', { name: 'Pause Order desk' }).click();
  await row.getByRole('button', { name: 'Resume Order desk' }).click();
  await row.getByRole('button', { name: 'Pause Order desk' }).waitFor();
  await row.getByRole('button', { name: 'Retry what failed at Order desk' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry 3' }).click();
  await expect.poll(() => under.receiver.got.length, { timeout: patienceMs }).toBe(6);
  await page
    .getByRole('row', { name: /Succeeded.*order\.created/ })
    .first()
    .waitFor();
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByText('Nothing. Every receiver that was asked last answered.').waitFor();
});

it('marks in the chart of an endpoint when it was changed, and leads to what was changed', async () => {
  await page.goto('/endpoints');
  await page.getByRole('link', { name: 'Order desk' }).click();
  await page.getByRole('img', { name: /^Attempts in the last 24 h: 3 succeeded/ }).waitFor();
  const { endpoints } = await server.graphql<{ endpoints: { nodes: { id: string }[] } }>('{ endpoints { nodes { id } } }');
  const change = 'mutation ($id: ID!) { updateEndpoint(id: $id, input: { timeoutSeconds: 12 }) { id } }';
  await server.graphql(change, { id: endpoints.nodes[0]!.id });
  await page.getByRole('list', { name: 'Changes in this time' }).getByRole('link', { name: 'Timeout changed' }).click();
  await page.getByText('changed Timeout from 30 s to 12 s').first().waitFor();
});

it('makes, limits, suspends, resumes and deletes an organization', async () => {
  await page.getByRole('link', { name: 'Organizations' }).click();
  await page.getByRole('button', { name: 'New organization' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Acme');
  await page.getByLabel('Id', { exact: true }).fill('cust 1');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText(/must be 1 to 128/).waitFor();
  under.complaints.length = 0;
  await page.getByLabel('Id', { exact: true }).fill('cust_1');
  await page.getByRole('button', { name: 'Create' }).click();
  const row = page.getByRole('row', { name: /Acme/ });
  const act = async (what: string) => {
    await page.getByRole('button', { name: 'Actions for Acme' }).click();
    await page.getByRole('menuitem', { name: what, exact: true }).click();
  };
  await row.waitFor();
  await act('Limits');
  await page.getByLabel('Messages a second').fill('100');
  await page.getByRole('button', { name: 'Save' }).click();
  await row.getByText('100 messages/s').waitFor();
  await act('Suspend');
  await page.getByLabel('Reason').fill('The invoice is unpaid');
  await page.getByRole('dialog').getByRole('button', { name: 'Suspend' }).click();
  await row.getByText('Suspended').waitFor();
  await page.goto('/endpoints?organization=cust_1');
  await page.getByRole('status').getByText('Acme is suspended: The invoice is unpaid. Publishing is refused').waitFor();
  await page.getByRole('link', { name: 'Go to the organizations' }).click();
  await act('Resume');
  await row.getByText('Active').waitFor();
  const opening = context.waitForEvent('page');
  await act('Open portal');
  const portal = await opening;
  await portal.waitForURL(/\/portal/);
  await portal.close();
  const { history } = await server.graphql<{ history: { nodes: { type: string }[] } }>(
    '{ history(newestFirst: true, first: 5) { nodes { type } } }',
    {},
    'cust_1',
  );
  expect(history.nodes.map(({ type }) => type)).toContain('portalsession.opened');
  await act('Delete');
  const confirm = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
  expect(await confirm.isDisabled()).toBe(true);
  await page.getByLabel('Type Acme to delete it').fill('Acme');
  await confirm.click();
  await row.waitFor({ state: 'detached' });
});

it('keeps two organizations apart: in lists, by links, and for keys that belong to one', async () => {
  for (const id of ['red', 'blue']) {
    await server.graphql('mutation ($id: ID!, $name: String!) { createOrganization(input: { id: $id, name: $name }) { id } }', {
      id,
      name: id,
    });
    await createEndpoint({ name: `Endpoint of ${id}`, url: under.receiver.url }, id);
  }
  await page.goto('/endpoints?organization=red');
  await page.getByRole('link', { name: 'Endpoint of red' }).waitFor();
  await page.getByRole('button', { name: 'Organization red' }).click();
  await page.getByRole('option', { name: /blue/ }).click();
  await page.getByRole('link', { name: 'Endpoint of blue' }).click();
  expect(new URL(page.url()).searchParams.get('organization')).toBe('blue');
  await page.getByRole('button', { name: 'Organization blue' }).waitFor();
  const ofBlue = new URL(page.url());
  ofBlue.searchParams.set('organization', 'red');
  await page.goto(ofBlue.href);
  await page.getByRole('heading', { name: 'There is no such endpoint' }).waitFor();

  const key = await issueKey('VIEWER', 'red');
  const { context: other, page: tab } = await under.open();
  await signIn(tab, key, '/');
  await tab.getByText('None of 1 endpoint fails; nothing waits').waitFor();
  expect(await tab.getByRole('button', { name: /^Organization / }).count()).toBe(0);
  await tab.goto('/system');
  await tab.getByRole('heading', { name: 'You have no right to see the rest' }).waitFor();
  await tab.goto('/organizations');
  await tab.getByRole('heading', { name: 'You have no right to see this' }).waitFor();
  await tab.goto('/endpoints?organization=blue');
  await tab.getByRole('link', { name: 'Go to your key’s own organization' }).waitFor();
  expect(await tab.getByText('Endpoint of blue').count()).toBe(0);
  await other.close();
  under.complaints.length = 0; // the browser reports what was refused
});

it('says on the system page what runs and how far it is', async () => {
  await page.goto('/system');
  await page.getByRole('row', { name: /views Live/ }).waitFor();
  await page.getByText('SQLite', { exact: false }).first().waitFor();
});

it('keeps the rest of the page where a part has no answer, and asks again', async () => {
  let fails = true;
  await page.route('**/graphql', async (route) => {
    if (fails && (route.request().postData() ?? '').includes('query Attention')) await route.fulfill({ status: 500, body: 'no' });
    else await route.continue();
  });
  await page.goto('/');
  await page.getByRole('heading', { name: 'This could not be loaded' }).waitFor();
  await page.getByText('It balances').waitFor();
  fails = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Nothing. Every receiver that was asked last answered.').waitFor();
  await page.unroute('**/graphql');
  under.complaints.length = 0; // the browser reports the 500
});

it('has nothing that axe finds, nor anything wider than 360 px, and broke no rule of the policy', async () => {
  const name = 'An organization with a name that is longer than any column of any table is wide, and goes on';
  await server.graphql('mutation ($name: String!) { createOrganization(input: { id: "long", name: $name }) { id } }', { name });
  await server.graphql('mutation { suspendOrganization(id: "long", reason: "It waits for its contract") { id } }');
  expect(await under.faultsOf(['/', '/?organization=long', '/organizations', '/system'])).toEqual([]);
  expect(under.complaints).toEqual([]);
});
