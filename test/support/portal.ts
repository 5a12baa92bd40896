// What a spec of the portal needs beside the console's: the page of examples/portal-host/, which is another site than the server, and sessions.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { FrameLocator, Page } from 'playwright-core';
import { ConsoleUnderTest } from './console.ts';

export type Capability = 'VIEW_PAYLOADS' | 'MANAGE_ENDPOINTS' | 'VIEW_SECRETS' | 'SEND_TESTS' | 'RETRY';
type SessionInput = { readonly capabilities?: readonly Capability[]; readonly endpointIds?: readonly string[] };

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};

export class PortalUnderTest {
  private constructor(
    readonly ui: ConsoleUnderTest,
    /** To a browser, `localhost` is another site than 127.0.0.1. */
    readonly hostUrl: string,
    private readonly host: ChildProcess,
  ) {}

  static async start(): Promise<PortalUnderTest> {
    const port = await freePort();
    const hostUrl = `http://localhost:${port}`;
    const ui = await ConsoleUnderTest.start({ env: { HOOKLEDGER_PORTAL_FRAME_ANCESTORS: hostUrl } });
    const program = fileURLToPath(new URL('../../examples/portal-host/server.mjs', import.meta.url));
    const env = { ...process.env, HOOKLEDGER_URL: ui.server.url, HOOKLEDGER_KEY: ui.server.adminKey, PORT: String(port) };
    const host = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(host.stdout, 'data');
    return new PortalUnderTest(ui, hostUrl, host);
  }

  async openSession(input: SessionInput = {}): Promise<{ token: string; url: string }> {
    const mutation = 'mutation ($input: PortalSessionInput!) { createPortalSession(input: $input) { token url } }';
    const variables = { input: { subject: 'anna', ...input } };
    const { createPortalSession } = await this.ui.server.graphql<{ createPortalSession: { token: string; url: string } }>(
      mutation,
      variables,
    );
    return createPortalSession;
  }

  async endSessions(): Promise<void> {
    await this.ui.server.graphql('mutation { endPortalSessions }');
  }

  /** The example's page, as a browser shows it that lets no other site's frame have cookies. */
  async openHost() {
    const { page, context } = await this.ui.open();
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    await cdp.send('Network.setCookieControls', { enableThirdPartyCookieRestriction: true });
    /** That any request carried. */
    const cookies: string[] = [];
    page.on('request', (request) => {
      request.allHeaders().then(
        ({ cookie }) => cookie !== undefined && cookies.push(cookie),
        () => undefined, // the page was closed
      );
    });
    await page.goto(this.hostUrl);
    const frame = page.frameLocator('hookledger-portal iframe');
    await heading(frame, 'Endpoints').waitFor();
    const inFrame = () => page.frames().find((each) => each.url().startsWith(this.ui.server.url)) ?? page.mainFrame();
    return { page, context, frame, inFrame, cookies };
  }

  async dispose(): Promise<void> {
    this.host.kill();
    await this.ui.dispose();
  }
}

type Shown = Page | FrameLocator;
export const heading = (within: Shown, name: string) => within.getByRole('heading', { level: 1, name });
export const nameField = (within: Shown) => within.getByLabel('Name', { exact: true });
export const endedNotice = (within: Shown) => within.getByRole('alert').filter({ hasText: 'Your session has ended' });

/** In the script of the example's page. */
export const element = "document.querySelector('hookledger-portal')";

/** Within the portal's own address, which is its fragment. */
export const go = async (page: Page, path: string): Promise<void> => {
  await page.evaluate(`location.hash = ${JSON.stringify(path)}`);
  await page.waitForURL(({ hash }) => hash === `#${path}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
};
