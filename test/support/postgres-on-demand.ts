// vitest's global set-up: one PostgreSQL server for a whole run.
import type { TestProject } from 'vitest/node';
import { serveOnDemand } from './on-demand.ts';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers with the URL of the database; databases.ts asks. */
    postgres: string;
  }
}

export default async ({ provide }: TestProject): Promise<() => Promise<void>> => {
  const { address, end } = await serveOnDemand(startPostgres);
  provide('postgres', address);
  return end;
};
