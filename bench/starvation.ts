// Measures whether one organization starves another: `npm run bench:starvation [-- --endpoints 500 --waiting 100000 --seconds 20 --main FILE --json]`. The small one
// publishes and asks at a steady rate, first alone, then beside a large one with many endpoints whose receivers take five seconds, and so many deliveries
// that wait; then while that one asks costly queries as well.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startServer, type Server } from '../test/support/server.ts';
import { closeConnections, p99 } from './probes.ts';
import { startPart } from './processes.ts';
import type { ReceiverPart } from './receiver.ts';
import { clock, message } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '500' },
    waiting: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '20' },
    main: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const endpoints = Number(options.endpoints);
const waiting = Number(options.waiting);
const seconds = Number(options.seconds);
const mostTimes = 2;
const everyMs = 25;
const askEveryMs = 100;
const say = (line: string) => console.error(line);

const send = async (server: Server, organization: string, path: string, body: unknown): Promise<string> => {
  const headers = {
    authorization: `Bearer ${server.adminKey}`,
    'content-type': 'application/json',
    'hookledger-organization': organization,
  };
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.text();
};

const graphql = async (server: Server, organization: string, query: string, variables: object = {}): Promise<string> => {
  const text = await send(server, organization, '/graphql', { query, variables });
  if (text.includes('"errors"')) throw new Error(text.slice(0, 500));
  return text;
};

const createOrganization = async (server: Server, id: string, count: number, url: string) => {
  const input = { id, name: id };
  await server.graphql('mutation ($input: OrganizationInput!) { createOrganization(input: $input) { id } }', { input });
  const create = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  for (let n = 0; n < count; n++)
    await graphql(server, id, create, { input: { name: `Endpoint ${n}`, url: `${url}/${n}`, timeoutSeconds: 30 } });
};

/** @returns ends it */
const repeat = (everyMs: number, once: () => Promise<unknown>) => {
  const open = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const one = once().catch((error: unknown) => say(String(error)));
    open.add(one);
    void one.finally(() => open.delete(one));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await Promise.all(open);
  };
};

/** What the small one sees: from when its messages are sent until they arrive, and how long its queries take. */
const measure = async (server: Server, receiver: ReturnType<typeof startPart<ReceiverPart>>) => {
  const { type, data } = message('bench.small');
  const publish = () => send(server, 'small', '/v1/messages', { type, data: { ...data, sentAt: clock() } });
  const asked: number[] = [];
  const ask = async () => {
    const began = performance.now();
    await graphql(server, 'small', '{ deliveries(first: 20) { edges { node { id status } } } }');
    asked.push(performance.now() - began);
  };
  const warming = repeat(everyMs, publish);
  await delay(2_000);
  await warming();
  await receiver.call('reset');
  const ends = [repeat(everyMs, publish), repeat(askEveryMs, ask)];
  await delay(seconds * 1_000);
  for (const end of ends) await end();
  await delay(500);
  const { delivered, latencyMs } = await receiver.call('snapshot');
  return { delivered, ...latencyMs, queriesP99: p99(asked) };
};

const waitingOf = async (server: Server): Promise<number> => {
  const text = await graphql(server, 'large', '{ organization { usage { waitingDeliveries } } }');
  return Number(/"waitingDeliveries":(\d+)/.exec(text)?.[1]);
};

/** So many deliveries of the large one, to each of its endpoints as many. */
const flood = async (server: Server) => {
  const messages = Math.ceil(waiting / endpoints);
  for (let n = 0; n < messages; n += 10) {
    const batch = Array.from({ length: Math.min(10, messages - n) }, (_, i) => ({ ...message('bench.large'), id: `flood-${n + i}` }));
    while ((await send(server, 'large', '/v1/messages', batch)).includes('"status":503')) await delay(500);
  }
  // Until the views show most of it; some is sent meanwhile.
  const began = performance.now();
  while ((await waitingOf(server)) < waiting * 0.8 && performance.now() - began < 60_000) await delay(500);
};

const receivers = { small: startPart<ReceiverPart>('receiver.ts'), large: startPart<ReceiverPart>('receiver.ts') };
const server = await startServer({ env: { HOOKLEDGER_RATE_LIMIT: '1000000' }, ...(options.main && { main: options.main }) });
try {
  await createOrganization(server, 'small', 1, `${await receivers.small.call('listen')}/ok`);
  await createOrganization(server, 'large', endpoints, `${await receivers.large.call('listen')}/slow`);
  say('The organizations are there.');
  const alone = await measure(server, receivers.small);
  await flood(server);
  const waitingThen = await waitingOf(server);
  say(`${waitingThen} deliveries wait.`);
  const beside = await measure(server, receivers.small);
  const costly = '{ messages(first: 50, filter: { data: { no: { such: "value" } } }) { edges { node { id } } searchedUntil } }';
  const asking = Array.from({ length: 20 }, () => ({ isOn: true }));
  const loops = asking.map(async (each) => {
    while (each.isOn) await graphql(server, 'large', costly).catch(() => delay(100));
  });
  const besideQueries = await measure(server, receivers.small);
  for (const each of asking) each.isOn = false;
  await Promise.all(loops);
  const sentMeanwhile = (await receivers.large.call('count')).delivered;

  const rows = { alone, beside, besideQueries };
  for (const [name, { delivered, p50, p95, p99, queriesP99 }] of Object.entries(rows))
    say(
      `${name.padEnd(14)} ${String(delivered).padStart(6)} delivered  p50 ${p50.toFixed(1)} ms  p95 ${p95.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  queries p99 ${queriesP99.toFixed(1)} ms`,
    );
  const times = beside.p99 / alone.p99;
  say(`${waitingThen.toLocaleString('en')} deliveries of the large one waited; it got ${sentMeanwhile.toLocaleString('en')} requests`);
  say(`p99 beside it ÷ alone: ${times.toFixed(2)}, at most ${mostTimes}: ${times <= mostTimes ? 'met' : 'MISSED'}`);
  if (options.json) console.log(JSON.stringify({ rows, waiting: waitingThen, sentMeanwhile, times, met: times <= mostTimes }));
} finally {
  closeConnections();
  await server.dispose();
  for (const receiver of Object.values(receivers)) await receiver.stop();
}
