// `npm run screenshots [folder]`: pictures of each page of the console in both colour schemes and on a narrow screen, from the demo's data.
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startServer } from '../test/support/server.ts';
import { launchBrowser, signIn } from '../test/support/browser.ts';
import { fillConsole, openPortal, startDemoReceiver } from './console-data.ts';

const folder = resolve(process.argv[2] ?? 'coverage/screenshots');
mkdirSync(folder, { recursive: true });

const screens = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1_280, height: 800 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1_280, height: 800 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 360, height: 760 } },
] as const;

const receiver = await startDemoReceiver();
const server = await startServer();
const browser = await launchBrowser();
try {
  await fillConsole(server, receiver.url);
  await new Promise((done) => setTimeout(done, 3_000)); // second attempts are made
  const query =
    '{ endpoints(first: 20) { nodes { id name } } deliveries(first: 1, filter: { status: [FAILED, RETRYING] }) { nodes { id } } messages(first: 1, eventType: "meeting.created") { nodes { id } } }';
  const { endpoints, deliveries, messages } = await server.graphql<{
    endpoints: { nodes: { id: string; name: string }[] };
    deliveries: { nodes: { id: string }[] };
    messages: { nodes: { id: string }[] };
  }>(query);
  const endpoint = endpoints.nodes.find(({ name }) => name === 'Billing')?.id ?? '';
  const pages = {
    overview: '/',
    endpoints: '/endpoints',
    'new-endpoint': '/endpoints/new',
    endpoint: `/endpoints/${endpoint}`,
    'endpoint-history': `/endpoints/${endpoint}?tab=history`,
    'endpoint-verify': `/endpoints/${endpoint}?tab=verify`,
    'edit-endpoint': `/endpoints/${endpoint}/edit`,
    deliveries: '/deliveries',
    delivery: `/deliveries/${deliveries.nodes[0]?.id ?? ''}`,
    messages: '/messages',
    message: `/messages/${messages.nodes[0]?.id ?? ''}`,
    publish: '/publish?type=alert.created',
    'event-types': '/event-types',
    replays: '/replays',
    sources: '/sources',
    history: '/history',
    organizations: '/organizations',
    settings: '/settings',
    system: '/system',
  };
  for (const { name, ...options } of screens) {
    const context = await browser.newContext({ ...options, baseURL: server.url });
    const page = await context.newPage();
    await page.goto('/sign-in');
    await page.screenshot({ path: join(folder, `sign-in-${name}.png`) });
    await signIn(page, server.adminKey);
    for (const [title, path] of Object.entries(pages)) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: join(folder, `${title}-${name}.png`), fullPage: name === 'narrow' || title.includes('endpoint') });
    }
    await page.goto(await openPortal(server));
    for (const title of ['endpoints', 'new-endpoint', 'endpoint', 'deliveries', 'delivery', 'event-types'] as const) {
      await page.evaluate(`location.hash = ${JSON.stringify(pages[title])}`);
      await page.waitForURL(({ hash }) => hash === `#${pages[title]}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: join(folder, `portal-${title}-${name}.png`), fullPage: true });
    }
    await context.close();
  }
  console.log(`The pictures are in ${folder}.`);
} finally {
  await browser.close();
  await server.dispose();
  receiver.close();
}
