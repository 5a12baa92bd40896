// Waiting for what is to become true, as long as a busy machine may need: vitest's own limit is one second.
import { vi } from 'vitest';

/** Tries again until `condition` throws no more. @throws its last error after `timeout` milliseconds */
export const waitFor = <T>(condition: () => T | Promise<T>, { timeout = 30_000 }: { readonly timeout?: number } = {}): Promise<T> =>
  vi.waitFor(condition, { timeout });
