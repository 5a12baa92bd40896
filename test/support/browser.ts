// Chromium from npm, for the console's specs and pictures. Its archives bring the libraries that a bare machine lacks.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sparticuz, { inflate, setupLambdaEnvironment } from '@sparticuz/chromium';
import { chromium, type Browser, type LaunchOptions, type Page } from 'playwright-core';
import type { Started } from './on-demand.ts';

/** Without a sandbox, as root in a container has none. Everything it opens is on loopback. */
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'];

/** @param launch with the options of this machine */
const launchWith = async <T>(launch: (options: LaunchOptions) => Promise<T>): Promise<T> => {
  const executablePath = await sparticuz.executablePath();
  try {
    return await launch({ executablePath, args, headless: true });
  } catch (error) {
    // The machine has no libraries such as NSS: take those of the package.
    const libraries = join(tmpdir(), 'al2023', 'lib');
    if (!existsSync(libraries))
      await inflate(new URL('../../node_modules/@sparticuz/chromium/bin/al2023.tar.br', import.meta.url).pathname);
    setupLambdaEnvironment(libraries);
    return await launch({ executablePath, args, headless: true }).catch(() => Promise.reject(error));
  }
};

export const launchBrowser = (): Promise<Browser> => launchWith((options) => chromium.launch(options));

/** Other processes connect to it. */
export const serveBrowser = async (): Promise<Started> => {
  const server = await launchWith((options) => chromium.launchServer({ ...options, host: '127.0.0.1' }));
  return { url: server.wsEndpoint(), stop: () => server.close() };
};

/** Ends on the page that the console leads to. */
export const signIn = async (page: Page, key: string, next = '/endpoints'): Promise<void> => {
  await page.goto(`/sign-in?${new URLSearchParams({ next }).toString()}`);
  await page.getByLabel('API key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(({ pathname }) => pathname !== '/sign-in');
  await page.getByRole('heading', { level: 1 }).waitFor();
};
