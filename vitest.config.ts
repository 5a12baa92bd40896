import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Nest and Apollo load `index.js`; two copies of graphql in one process do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    globalSetup: ['test/support/postgres-on-demand.ts'],
    include: ['src/**/*.spec.ts', 'client/src/**/*.spec.ts', 'test/**/*.spec.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // Also on two cores: most specs wait, for sockets and processes.
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: 'coverage/test-report.json' }]],
  },
});
