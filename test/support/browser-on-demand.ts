// vitest's global set-up: one Chromium for a whole run. Each spec opens contexts of its own in it.
import type { TestProject } from 'vitest/node';
import { serveBrowser } from './browser.ts';
import { serveOnDemand } from './on-demand.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers with the address of the browser; console.ts asks. */
    browser: string;
  }
}

export default async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const { address, end } = await serveOnDemand(serveBrowser);
  provide('browser', address);
  return end;
};
