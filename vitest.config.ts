import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Node compiles each file once for all of the threads and processes that specs start, not once for each: they start in half the time.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url));

export default defineConfig({
  // Nest and Apollo load `index.js`; two copies of graphql in one process do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    globalSetup: ['test/support/postgres-on-demand.ts', 'test/support/browser-on-demand.ts'],
    include: ['src/**/*.spec.ts', 'client/src/**/*.spec.ts', 'console/src/**/*.spec.ts', 'test/**/*.spec.ts'],
    // On a busy machine a process may lose a second at any moment. What fails once and then passes is listed as retried, with its first failure.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // As long as a busy machine may need; without it, one second.
    expect: { poll: { timeout: 30_000 } },
    // Three also on two cores: many specs wait for sockets and processes. They share what they import, which is half of their time.
    maxWorkers: 3,
    isolate: false,
    // Worker threads that specs start run the sources as they are, parameter properties included.
    execArgv: ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'],
    reporters: ['default', ['json', { outputFile: 'coverage/test-report.json' }]],
  },
});
