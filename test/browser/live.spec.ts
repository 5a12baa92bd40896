// The console while things happen: rows that change, sockets that are cut, a server that restarts, rights that are missing, and hands on the keyboard.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { BrowserContext, Page, WebSocketRoute } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signIn } from '../support/browser.ts';
import { ConsoleUnderTest, patienceMs } from '../support/console.ts';
import { createEndpoint } from '../support/server.ts';

let under: ConsoleUnderTest;
let context: BrowserContext;
let page: Page;
let orders: string;

/** The sockets of the page, and whether new ones get through. */
const sockets = new Set<WebSocketRoute>();
let isBlocked = false;
/** As a server that restarts does. */
const code = 1_012;
/** Ids of the subscriptions that run. */
const running = new Set<string>();

/** It comes back at the same address after a restart. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const pollMs = 10_000;
type Frame = { readonly type: string; readonly id?: string };

const watch = (socket: WebSocketRoute): void => {
  if (isBlocked) return void socket.close({ code });
  const server = socket.connectToServer();
  sockets.add(socket);
  socket.onMessage((message) => {
    const { type, id } = JSON.parse(message.toString()) as Frame;
    if (type === 'subscribe' && id !== undefined) running.add(id);
    if (type === 'complete' && id !== undefined) running.delete(id);
    server.send(message);
  });
  socket.onClose(() => {
    sockets.delete(socket);
    running.clear();
    void server.close();
  });
};

const cutSockets = async () => {
  await Promise.all(Array.from(sockets, (socket) => socket.close({ code })));
  sockets.clear();
  running.clear();
};

beforeAll(async () => {
  under = await ConsoleUnderTest.start({ env: { HOOKLEDGER_PORT: String(await freePort()) } });
  const { server, receiver } = under;
  await server.graphql('mutation { defineEventType(input: { name: "order.created", group: "orders", sample: { order: 7 } }) { name } }');
  orders = await createEndpoint(server, { name: 'Order desk', url: receiver.url, eventTypes: ['orders'], secret: 'order-desk-secret' });
  await server.publish({ id: 'first', type: 'order.created', data: { order: 1 } });
  ({ context, page } = await under.open());
  await page.routeWebSocket(/\/graphql$/, watch);
  await signIn(page, server.adminKey);
});
afterAll(async () => {
  await context?.close();
  await under?.dispose();
});

const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
const table = () => page.getByRole('table', { name: 'Deliveries' });
const row = (text: RegExp | string) => table().getByRole('row', { name: text });
const isWatching = async () => {
  await expect.poll(() => running.size, { timeout: patienceMs }).toBeGreaterThan(0);
};
const publish = (id: string) => under.server.publish({ id, type: 'order.created', data: { order: id } });
const rows = () => table().locator('tbody tr').count();
const shows = async (count: number) => {
  await expect.poll(rows, { timeout: patienceMs }).toBe(count);
};

it('shows a new delivery, and each change of it, without being asked', async () => {
  under.receiver.status = 500;
  await page.goto('/deliveries');
  await row(/Succeeded/).waitFor();
  await isWatching();
  await publish('second');
  await row(/Retrying.*500/).waitFor();
  under.receiver.status = 200;
  const retry = row(/Retrying/).getByRole('button', { name: 'Retry the delivery of order.created to Order desk' });
  await retry.click();
  await shows(2);
  await row(/Retrying/).waitFor({ state: 'detached' });
});

it('holds new rows back while something is selected, and says how many', async () => {
  await row(/Succeeded/)
    .first()
    .getByRole('checkbox')
    .click();
  await publish('third');
  await page.getByRole('button', { name: '1 new', exact: true }).waitFor();
  expect(await rows()).toBe(2);
  await page.getByRole('button', { name: '1 new', exact: true }).click();
  await shows(3);
  await page.getByRole('button', { name: 'Clear selection' }).click();
  await publish('fourth');
  await shows(4);
});

it('asks again for what it shows once a socket that was cut is back', async () => {
  isBlocked = true;
  await cutSockets();
  await publish('fifth');
  isBlocked = false;
  await shows(5);
  await isWatching();
});

it('watches nothing while the tab is hidden, and catches up once it is seen', async () => {
  const see = (state: 'hidden' | 'visible') =>
    page.evaluate(`Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await see('hidden');
  await expect.poll(() => running.size, { timeout: patienceMs }).toBe(0);
  await publish('sixth');
  await see('visible');
  await shows(6);
});

it('asks every 10 s where no socket gets through', async () => {
  await page.clock.install();
  isBlocked = true;
  await cutSockets();
  const answered = page.waitForResponse((response) => response.url().endsWith('/graphql'));
  await page.reload();
  await answered;
  await shows(6);
  await publish('seventh');
  await page.clock.fastForward(pollMs);
  await shows(7);
  isBlocked = false;
});

it('says how many and which before it retries all that match, and follows the job', async () => {
  await page.goto('/deliveries?status=SUCCEEDED&code=2xx');
  await shows(7);
  await page.getByRole('button', { name: 'Retry all that match' }).click();
  const dialog = page.getByRole('dialog', { name: 'Retry 7?' });
  await dialog.getByText('order.created').first().waitFor();
  await dialog.getByRole('button', { name: 'Retry 7', exact: true }).click();
  await page.getByText('Retried 7 of 7').waitFor();
  await expect.poll(() => under.receiver.got.length, { timeout: patienceMs }).toBeGreaterThanOrEqual(7 + 7);
  await page.goto('/deliveries?code=5xx');
  await page.getByText('Code: 5xx').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await shows(7);
});

it('goes everywhere by keys, but not while somebody types', async () => {
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.getByText('1 selected').waitFor();
  await page.keyboard.press('Escape');
  await page.getByText('1 selected').waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await heading('order.created').waitFor();
  const opened = page.url();
  await page.keyboard.press('j');
  await expect.poll(() => page.url(), { timeout: patienceMs }).not.toBe(opened);
  await page.keyboard.press('k');
  await expect.poll(() => page.url(), { timeout: patienceMs }).toBe(opened);
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await heading('Endpoints').waitFor();
  await page.getByLabel('Search endpoints').fill('');
  await page.keyboard.type('gd/j');
  expect(await page.getByLabel('Search endpoints').inputValue()).toBe('gd/j');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search', exact: true }).fill('order de');
  await page.getByRole('option', { name: /Order desk/ }).waitFor();
  await page.keyboard.press('Enter');
  await heading('Order desk').waitFor();
});

it('shows how an endpoint came to be as it is, at any of its changes, and how a receiver verifies it', async () => {
  const { server } = under;
  await server.graphql(
    'mutation ($id: ID!) { updateEndpoint(id: $id, input: { name: "Orders" }) { id } pauseEndpoint(id: $id) { id } resumeEndpoint(id: $id) { id } }',
    { id: orders },
  );
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByText('admin changed Name from Order desk to Orders').waitFor();
  await page.getByText('admin resumed it').waitFor();
  await page.getByRole('slider').focus();
  await page.keyboard.press('Home');
  await page
    .getByRole('table', { name: 'The configuration then' })
    .getByRole('row', { name: /Name Order desk Orders/ })
    .waitFor();
  expect(new URL(page.url()).searchParams.get('tab')).toBe('history');
  await page.getByRole('tab', { name: 'Verify' }).click();
  await page.getByLabel('Verification in Node').getByText('x-webhook-signature').waitFor();
});

it('offers what was skipped after an endpoint is enabled, and sends it', async () => {
  const { server, receiver } = under;
  await server.graphql('mutation ($id: ID!) { disableEndpoint(id: $id) { id } }', { id: orders });
  await publish('while disabled');
  const before = receiver.got.length;
  await page.goto(`/endpoints/${orders}`);
  await page.getByText('1 were skipped while disabled').waitFor();
  await page.getByRole('button', { name: 'Enable', exact: true }).click();
  await page.getByRole('button', { name: 'Send them now' }).click();
  await expect.poll(() => receiver.got.length, { timeout: patienceMs }).toBe(before + 1);
  expect(receiver.got.at(-1)?.body).toContain('while disabled');
});

it('says before saving which of the last messages a change would lose', async () => {
  await page.goto(`/endpoints/${orders}/edit`);
  const change = page.getByRole('region', { name: 'What would change' });
  await change.getByText(/0 more, 0 fewer, [1-9]\d* as before/).waitFor();
  await page.getByRole('button', { name: 'Add condition' }).click();
  await page.getByLabel('Field 1').fill('order');
  await page.getByLabel('Value 1').fill('first, third');
  await change.getByText(/0 more, [1-9]\d* fewer, 1 as before/).waitFor();
  await change.getByRole('button', { name: /fewer/ }).first().click();
  await page.getByRole('dialog').getByText('It does not get this message.').waitFor();
});

it('duplicates an endpoint, and asks again for its secret', async () => {
  await page.goto(`/endpoints/new?from=${orders}`);
  await page.getByLabel('Name', { exact: true }).waitFor();
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Copy of Orders');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('This was not saved').waitFor();
  await page.getByLabel('Secret', { exact: true }).fill('another-secret');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Copy of Orders' }).waitFor();
});

it('keeps what is typed while the server restarts, saves it then, and is live again', async () => {
  await page.goto(`/endpoints/${orders}/edit`);
  await page.getByLabel('Name', { exact: true }).fill('Orders after the restart');
  await under.server.restart();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Orders after the restart' }).waitFor();
  await page.getByRole('link', { name: 'Deliveries', exact: true }).click();
  await isWatching();
  await row(/Succeeded/)
    .first()
    .waitFor();
  const before = await rows();
  await publish('after the restart');
  await shows(before + 2); // the copy gets it too
});

it('says that the server failed, and shows the page once it is well again', async () => {
  await page.route('**/graphql', (route) =>
    route.fulfill({
      status: 500,
      json: { errors: [{ message: 'The views can’t be read.', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-7' } }] },
    }),
  );
  await page.goto('/event-types');
  const alert = page.getByRole('alert').filter({ hasText: 'The views can’t be read.' });
  await alert.getByText('Request request-7').waitFor();
  await page.unroute('**/graphql');
  await alert.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('order.created', { exact: true }).waitFor();
});

it('says who may see the history, and leaves out what the caller may not do', async () => {
  const { issueApiKey } = await under.server.graphql<{ issueApiKey: { key: string } }>(
    'mutation { issueApiKey(name: "Reader", role: VIEWER) { key } }',
  );
  const { context: other, page: tab } = await under.open();
  await signIn(tab, issueApiKey.key);
  await tab.goto(`/endpoints/${orders}?tab=history`);
  await tab.getByText('You have no right to see this').waitFor();
  await tab.goto('/deliveries');
  await tab
    .getByRole('row', { name: /Succeeded/ })
    .first()
    .waitFor();
  await expect.poll(() => tab.getByRole('button', { name: /^Retry/ }).count(), { timeout: patienceMs }).toBe(0);
  await tab.getByRole('link', { name: 'Endpoints', exact: true }).click();
  await tab.getByRole('heading', { level: 1, name: 'Endpoints' }).waitFor();
  await tab.getByRole('link', { name: 'Orders after the restart' }).first().waitFor();
  expect(await tab.getByRole('link', { name: 'New endpoint' }).count()).toBe(0);
  await other.close();
});

it('has nothing that axe finds on the tabs of an endpoint, nor anything wider than 360 px', async () => {
  const tabs = ['?tab=history', '?tab=verify'];
  expect(await under.faultsOf(tabs.map((tab) => `/endpoints/${orders}${tab}`))).toEqual([]);
});

it('broke no rule of the content security policy, and asked no other server for anything', () => {
  const provoked = /500|WebSocket|ERR_CONNECTION|ERR_EMPTY|Failed to load resource/;
  expect(under.complaints.filter((text) => !provoked.test(text))).toEqual([]);
});
