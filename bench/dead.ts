// What dead endpoints cost the healthy ones: `npm run bench:dead [-- --seconds 20 --json]`. In one run, messages go to ten healthy endpoints, first alone
// and then while 200 endpoints never answer, 20 have names that never resolve, and 50 send a byte a second, all at default settings.
import { parseArgs } from 'node:util';
import { measureAmongDead } from '../test/support/dead-endpoints.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    'healthy-rate': { type: 'string', default: '100' },
    'dead-rate': { type: 'string', default: '150' },
    hanging: { type: 'string', default: '200' },
    unresolved: { type: 'string', default: '20' },
    dripping: { type: 'string', default: '50' },
    server: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const result = await measureAmongDead({
  hanging: Number(options.hanging),
  unresolved: Number(options.unresolved),
  dripping: Number(options.dripping),
  seconds: Number(options.seconds),
  healthyRate: Number(options['healthy-rate']),
  deadRate: Number(options['dead-rate']),
  ...(options.server !== undefined && { server: { main: options.server } }),
});
if (options.json) console.log(JSON.stringify(result));
else {
  for (const [name, { p50, p99, max, messages }] of Object.entries({ 'without the dead': result.alone, 'among the dead': result.among }))
    console.log(`${name.padEnd(20)} p50 ${p50.toFixed(1)}  p99 ${p99.toFixed(1)}  max ${max.toFixed(1)} ms  (${messages} messages)`);
  const ratio = result.among.p99 / result.alone.p99;
  console.log(
    `p99 ratio ${ratio.toFixed(2)}   target ≤ 2   ${ratio <= 2 ? 'met' : 'MISSED'}   (${result.held} requests held by dead receivers)`,
  );
}
