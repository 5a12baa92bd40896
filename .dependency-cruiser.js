// The import rules of docs/architecture.md. Imports point inwards only:
// cli → service → api → sources → delivery, proof → commands → read-models → event-store → domain.
const outer = {
  domain: ['secrets', 'event-store', 'read-models', 'commands', 'delivery', 'sources', 'proof', 'api', 'service', 'cli'],
  secrets: ['domain', 'event-store', 'read-models', 'commands', 'delivery', 'sources', 'proof', 'api', 'service', 'cli'],
  'event-store': ['read-models', 'commands', 'delivery', 'sources', 'proof', 'api', 'service', 'cli'],
  'read-models/engine': ['read-models/(directory|history|sources|views)'],
  'read-models': ['commands', 'delivery', 'sources', 'proof', 'api', 'service', 'cli'],
  commands: ['delivery', 'sources', 'proof', 'api', 'service', 'cli'],
  delivery: ['sources', 'proof', 'api', 'service', 'cli'],
  sources: ['proof', 'api', 'service', 'cli'],
  proof: ['delivery', 'sources', 'api', 'service', 'cli'],
  api: ['service', 'cli'],
  service: ['cli'],
};

export default {
  forbidden: [
    ...Object.entries(outer).map(([inner, outside]) => ({
      name: `${inner}-imports-inwards-only`,
      severity: 'error',
      from: { path: `^src/${inner}/` },
      to: { path: `^src/(${outside.join('|')})/` },
    })),
    {
      name: 'domain-is-pure',
      comment: 'No I/O, no clock, no framework: zod is all that the domain may import.',
      severity: 'error',
      from: { path: '^src/domain/', pathNot: String.raw`\.spec\.ts$|/given\.ts$` },
      to: { pathNot: '^src/domain/|node_modules/zod/' },
    },
    {
      name: 'one-reader-of-the-environment',
      severity: 'error',
      from: { path: '^src/', pathNot: String.raw`^src/(main|config|config\.spec)\.ts$|^src/cli/|\.spec\.ts$` },
      to: { path: '^(node:)?process$' },
    },
    {
      name: 'one-user-of-the-log-client',
      comment: 'Two users in one module break each other; see docs/adr.',
      severity: 'error',
      from: { path: '^src/', pathNot: String.raw`^src/event-store/eventstoredb/client/db-client\.ts$` },
      to: { path: 'node_modules/@eventstore/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, pathNot: String.raw`\.spec\.ts$|main\.ts$|worker\.ts$` }, to: {} },
    {
      name: 'not-to-dev-dependency',
      severity: 'error',
      from: { path: '^src/', pathNot: String.raw`\.spec\.ts$|/given\.ts$` },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types'], extensions: ['.ts', '.js'] },
  },
};
