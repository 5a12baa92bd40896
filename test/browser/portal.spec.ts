// The portal in Chromium: within the page of examples/portal-host/, which is another site, and alone. Against the built server and a real receiver.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConsoleUnderTest } from '../support/console.ts';
import { element, endedNotice, go, heading, nameField, PortalUnderTest } from '../support/portal.ts';
import { createEndpoint } from '../support/server.ts';

let portal: PortalUnderTest;
let ui: ConsoleUnderTest;
beforeAll(async () => {
  portal = await PortalUnderTest.start();
  ({ ui } = portal);
  await createEndpoint(ui.server, { name: 'Order desk', url: ui.receiver.url, secret: 'order-desk-secret' });
  await ui.server.graphql(`mutation { defineEventType(input: { name: "order.created", sample: { order: 7 } }) { name }
    inside: defineEventType(input: { name: "inside.made", audience: INTERNAL }) { name } }`);
  await ui.server.publish({ id: 'order-1', type: 'order.created', data: { order: 8 } });
});
afterAll(() => portal?.dispose());

describe('in the frame of another site', () => {
  it('shows, makes and tests endpoints and follows deliveries, without a cookie, as high as its content, and its token is nowhere to be seen', async () => {
    const { page, context, frame, inFrame, cookies } = await portal.openHost();
    await frame.getByRole('link', { name: 'New endpoint' }).click();
    await nameField(frame).fill('Warehouse');
    await frame.getByLabel('URL', { exact: true }).fill(ui.receiver.url);
    await frame.getByRole('button', { name: 'Test', exact: true }).click();
    await frame.getByText('The receiver took it').waitFor();
    await frame.getByRole('button', { name: 'Save' }).click();
    await frame.getByRole('dialog', { name: 'The endpoint’s secret' }).getByRole('button', { name: 'Done' }).click();
    await frame
      .getByRole('row', { name: /Warehouse.*Active/ })
      .first()
      .waitFor();
    await frame.getByRole('link', { name: 'Deliveries', exact: true }).click();
    await ui.server.publish({ type: 'order.created', data: { order: 9 } });
    await frame
      .getByRole('row', { name: /Succeeded.*order\.created.*Warehouse/ })
      .first()
      .waitFor();
    await frame.getByRole('link', { name: 'Event types' }).click();
    await heading(frame, 'Event types').waitFor();
    await frame.getByText('order.created', { exact: true }).waitFor();
    expect(await frame.getByText('inside.made').count()).toBe(0);
    expect(await frame.getByRole('button', { name: /Define|Retire/ }).count()).toBe(0);
    expect(inFrame().url()).toBe(`${ui.server.url}/portal#/event-types`);
    expect(await page.content()).not.toContain('hlp_');
    expect([cookies, await context.cookies(), await inFrame().evaluate('document.cookie')]).toEqual([[], [], '']);
    await expect.poll(() => inFrame().evaluate('document.documentElement.scrollHeight - document.documentElement.clientHeight')).toBe(0);
    await context.close();
  });

  it('keeps what was typed when the session ends, gets the next token by the page’s callback, and goes on', async () => {
    const { context, frame } = await portal.openHost();
    await frame.getByRole('link', { name: 'New endpoint' }).click();
    await nameField(frame).fill('Typed before the end');
    await frame.getByLabel('URL', { exact: true }).fill(ui.receiver.url);
    await portal.endSessions();
    await frame.getByRole('button', { name: 'Save' }).click();
    await frame.getByRole('dialog', { name: 'The endpoint’s secret' }).getByRole('button', { name: 'Done' }).click();
    await frame
      .getByRole('row', { name: /Typed before the end/ })
      .first()
      .waitFor();
    await context.close();
  });

  it('says that the session has ended while there is no other, and takes a `token` that comes later', async () => {
    const { page, context, frame } = await portal.openHost();
    await page.evaluate(
      `const portal = ${element}; delete portal.fetchToken; portal.addEventListener('hookledger:expired', () => document.title = 'expired')`,
    );
    await frame.getByRole('link', { name: 'New endpoint' }).click();
    await nameField(frame).fill('Kept');
    await frame.getByLabel('URL', { exact: true }).fill(ui.receiver.url);
    await portal.endSessions();
    await frame.getByRole('button', { name: 'Test', exact: true }).click();
    await endedNotice(frame).waitFor();
    await expect.poll(() => page.title()).toBe('expired');
    expect(await nameField(frame).inputValue()).toBe('Kept');
    const { token } = await portal.openSession();
    await page.evaluate(`${element}.setAttribute('token', '${token}')`);
    await endedNotice(frame).waitFor({ state: 'detached' });
    await frame.getByText('The receiver took it').waitFor();
    expect(await nameField(frame).inputValue()).toBe('Kept');
    await context.close();
  });

  it('asks for a token after a reload and stays on its page; and is as dark as the element says', async () => {
    const { page, context, frame, inFrame } = await portal.openHost();
    await frame.getByRole('link', { name: 'Deliveries', exact: true }).click();
    await heading(frame, 'Deliveries').waitFor();
    const asked = page.waitForRequest(`${portal.hostUrl}/portal-token`);
    await inFrame().evaluate('void setTimeout(() => location.reload())');
    await asked;
    await heading(frame, 'Deliveries').waitFor();
    await page.evaluate(`${element}.setAttribute('theme', 'dark')`);
    await frame.locator('html[data-mantine-color-scheme="dark"]').waitFor();
    await context.close();
  });

  it('shows dialogs where the person looks', async () => {
    const { page, context, frame } = await portal.openHost();
    await page.evaluate(
      `document.body.prepend(Object.assign(document.createElement('div'), { style: 'height: 3000px' })); scrollTo(0, 2900)`,
    );
    await frame.getByRole('button', { name: 'Actions for Order desk' }).click();
    await frame.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = frame.getByRole('dialog');
    await dialog.waitFor();
    await expect
      .poll(async () => {
        const box = await dialog.boundingBox();
        return box !== null && box.y >= 0 && box.y + box.height <= page.viewportSize()!.height;
      })
      .toBe(true);
    await context.close();
  });

  it('is not shown in a frame of a page that is not named', async () => {
    const { page, context } = await ui.open();
    const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()));
    await page.goto(ui.receiver.url);
    await page.setContent(`<iframe src="${ui.server.url}/portal"></iframe>`);
    await refused;
    await context.close();
    ui.complaints.length = 0; // this refusal, and the receiver's own page
  });
});

describe('alone', () => {
  it('takes a new token in place of the fragment, and nothing typed is lost', async () => {
    const { page, context } = await ui.open();
    await page.goto((await portal.openSession()).url);
    await heading(page, 'Endpoints').waitFor();
    await go(page, '/endpoints/new');
    await nameField(page).fill('Typed before');
    await page.getByLabel('URL', { exact: true }).fill(ui.receiver.url);
    await portal.endSessions();
    await page.getByRole('button', { name: 'Test', exact: true }).click();
    await endedNotice(page).getByText('Open this page again from the page that led you here.').waitFor();
    await page.goto((await portal.openSession()).url);
    await endedNotice(page).waitFor({ state: 'detached' });
    await page.getByText('The receiver took it').waitFor();
    expect(await nameField(page).inputValue()).toBe('Typed before');
    expect(page.url()).toBe(`${ui.server.url}/portal#/endpoints/new`);
    await page.goBack();
    expect(page.url()).not.toContain('hlp_');
    await context.close();
  });

  it('ends at its time, by itself', async () => {
    const { page, context } = await ui.open();
    await page.clock.install();
    await page.goto((await portal.openSession()).url);
    await heading(page, 'Endpoints').waitFor();
    await page.clock.fastForward('01:00:00');
    await endedNotice(page).waitFor();
    await heading(page, 'Endpoints').waitFor();
    await context.close();
  });

  it('says after a reload where to open it again', async () => {
    const { page, context } = await ui.open();
    await page.goto(portal.hostUrl);
    await page.evaluate(`location.assign('${(await portal.openSession()).url}')`);
    await heading(page, 'Endpoints').waitFor();
    await page.reload();
    await heading(page, 'Your session is not open').waitFor();
    await page.getByText(`Open this page again from ${portal.hostUrl}.`).waitFor();
    await context.close();
  });

  it('takes no token from a page that is not named', async () => {
    const { page, context } = await ui.open();
    await page.goto(ui.receiver.url);
    const opening = context.waitForEvent('page');
    await page.evaluate(`void (opened = open('${ui.server.url}/portal'))`);
    const popup = await opening;
    await heading(popup, 'Your session is not open').waitFor();
    const asked: string[] = [];
    popup.on('request', (request) => asked.push(request.url()));
    const heard = popup.evaluate("new Promise((resolve) => addEventListener('message', () => resolve(), { once: true }))");
    await page.evaluate(`opened.postMessage({ type: 'hookledger:token', token: '${(await portal.openSession()).token}' }, '*')`);
    await heard; // the portal listened before
    expect(asked).toEqual([]);
    expect(await heading(popup, 'Your session is not open').count()).toBe(1);
    await context.close();
    ui.complaints.length = 0; // the receiver's own page
  });
});

it('broke no rule of the content security policy', () => {
  const own = ui.complaints.filter((text) => !text.startsWith(portal.hostUrl) && !/401|Unauthorized/.test(text));
  expect(own).toEqual([]);
});
