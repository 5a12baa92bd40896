// What a spec of the console needs: the built server, a real receiver, the browser of the run, and checks that hold for every page.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { signIn } from './browser.ts';
import { startServer, type Server, type ServerOptions } from './server.ts';

/** Machines of tests are slow and busy. */
export const patienceMs = 30_000;
const settleMs = 5_000;
const wide = { width: 1_280, height: 800 } as const;
const narrow = { width: 360, height: 760 } as const;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

type Got = { readonly path: string; readonly body: string; readonly signature: string | undefined };

/** Answers as `status` says, and keeps what it got. */
const startReceiver = async () => {
  const got: Got[] = [];
  const receiver = { got, status: 200, url: '', close: () => undefined as void };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { status } = receiver;
      const signature = request.headers['x-webhook-signature']?.toString();
      got.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString(), signature });
      response.writeHead(status).end(status === 200 ? 'ok' : 'out of order');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  receiver.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return receiver;
};

const connectBrowser = async (): Promise<Browser> => {
  const response = await fetch(inject('browser'));
  const text = await response.text();
  if (!response.ok) throw new Error(`The browser of the tests could not be started: ${text}`);
  return chromium.connect(text);
};

export class ConsoleUnderTest {
  /** What the browser complained of, and requests that left the server. A refusal that a spec provokes is taken out by the spec. */
  readonly complaints: string[] = [];

  private constructor(
    readonly server: Server,
    readonly browser: Browser,
    readonly receiver: Awaited<ReturnType<typeof startReceiver>>,
  ) {}

  static async start(options?: ServerOptions): Promise<ConsoleUnderTest> {
    const [server, browser, receiver] = await Promise.all([startServer(options), connectBrowser(), startReceiver()]);
    return new ConsoleUnderTest(server, browser, receiver);
  }

  async open(viewport: { readonly width: number; readonly height: number } = wide): Promise<{ context: BrowserContext; page: Page }> {
    const { url } = this.server;
    const context = await this.browser.newContext({ baseURL: url, viewport });
    context.setDefaultTimeout(patienceMs);
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()));
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('request', (request) => {
      const asked = request.url();
      if (!asked.startsWith(url) && !/^(data|blob):/.test(asked)) this.complaints.push(asked);
    });
    return { context, page };
  }

  /**
   * Opens each page once, and looks at it with axe in light and dark colours, and whether it is wider than a screen of 360 px.
   * @returns what is wrong
   */
  async faultsOf(paths: readonly string[], key = this.server.adminKey): Promise<string[]> {
    const faults: string[] = [];
    const { context, page } = await this.open();
    await signIn(page, key);
    for (const path of paths) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      faults.push(...(await faultsOfPage(page)).map((fault) => `${path}: ${fault}`));
    }
    await context.close();
    return faults;
  }

  async dispose(): Promise<void> {
    await this.browser.close();
    await this.server.dispose();
    this.receiver.close();
  }
}

/** Colours that fade have many contrasts on the way. What never ends refuses it. */
const endTransitions = 'for (const each of document.getAnimations()) try { each.finish(); } catch {}';

type Violation = { readonly id: string; readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[] };

/** Of the page as it is shown now. Leaves it in light colours and as wide as it was. */
export const faultsOfPage = async (page: Page): Promise<string[]> => {
  const faults: string[] = [];
  const before = page.viewportSize() ?? wide;
  await page.evaluate(axe);
  for (const [colorScheme, only] of [
    ['dark', `, runOnly: ['color-contrast', 'link-in-text-block']`], // all else is as in light colours
    ['light', ''],
  ] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.locator(`html[data-mantine-color-scheme="${colorScheme}"]`).waitFor();
    await page.evaluate(endTransitions);
    const { violations } = await page.evaluate<{ violations: Violation[] }>(`axe.run({ resultTypes: ['violations']${only} })`);
    for (const { id, nodes } of violations)
      for (const { html, failureSummary } of nodes) faults.push(`${colorScheme}: ${id}: ${html.slice(0, 160)} ${failureSummary}`);
  }
  await page.setViewportSize(narrow);
  const width = () => page.evaluate<number>('document.documentElement.scrollWidth');
  const gaveUp = Date.now() + settleMs; // it is not laid out anew at once
  while ((await width()) > narrow.width && Date.now() < gaveUp) await page.waitForTimeout(50);
  const found = await width();
  if (found > narrow.width) faults.push(`${found} px wide on a screen of ${narrow.width} px`);
  await page.setViewportSize(before);
  return faults;
};
