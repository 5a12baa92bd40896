// Chromium from npm, for the console's specs and pictures. Its archives bring the libraries that a bare machine lacks.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sparticuz, { inflate, setupLambdaEnvironment } from '@sparticuz/chromium';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Without a sandbox, as root in a container has none. Everything it opens is on loopback. */
const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'];

export const launchBrowser = async (): Promise<Browser> => {
  const executablePath = await sparticuz.executablePath();
  try {
    return await chromium.launch({ executablePath, args, headless: true });
  } catch (error) {
    // The machine has no libraries such as NSS: take those of the package.
    const libraries = join(tmpdir(), 'al2023', 'lib');
    if (!existsSync(libraries))
      await inflate(new URL('../../node_modules/@sparticuz/chromium/bin/al2023.tar.br', import.meta.url).pathname);
    setupLambdaEnvironment(libraries);
    return await chromium.launch({ executablePath, args, headless: true }).catch(() => Promise.reject(error));
  }
};

export const signIn = async (page: Page, key: string): Promise<void> => {
  await page.goto('/sign-in');
  await page.getByLabel('API key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Endpoints' }).waitFor();
};
