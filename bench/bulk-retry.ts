// Measures `retryDeliveries` of many: `npm run bench:bulk-retry [-- --deliveries 200000 --main FILE --json]`. How fast it answers, how many it retries in a
// second, what new messages wait beside it, and that it goes on after kill -9 and ends when it is cancelled. Filling takes about as long as measuring.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { conservation, createEndpoint, startServer, type MessageInput, type Server } from '../test/support/server.ts';
import { ask, closeConnections } from './probes.ts';
import { startPart, type Part } from './processes.ts';
import type { Received, ReceiverPart } from './receiver.ts';
import { clock } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    deliveries: { type: 'string', default: '200000' },
    main: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const endpoints = 10;
const perEndpoint = Math.ceil(Number(options.deliveries) / endpoints);
const wanted = perEndpoint * endpoints;
const targets = { answerMs: 1_000 };
const say = (line: string) => (options.json ? console.error(line) : console.log(line));

type BulkRetry = { readonly id: string; readonly status: string; readonly matched: number; readonly retried: number };
const fields = 'id status matched retried';
const timed = async <T>(work: Promise<T>) => {
  const from = performance.now();
  return { answer: await work, ms: performance.now() - from };
};
const waitFor = async <T>(read: () => Promise<T>, fits: (now: T) => boolean): Promise<T> => {
  for (;;) {
    const now = await read();
    if (fits(now)) return now;
    await delay(200);
  }
};

class BulkRetryBench {
  private readonly server: Server;
  private readonly receiver: Part<ReceiverPart>;

  constructor(server: Server, receiver: Part<ReceiverPart>) {
    this.server = server;
    this.receiver = receiver;
  }

  /** Endpoint by endpoint, so that none fails for a minute: its circuit would open. */
  async fill(url: string): Promise<void> {
    const { server } = this;
    for (let n = 0; n < endpoints; n++) {
      const type = `bench.retry-${n}`;
      const id = await createEndpoint(server, {
        name: `Failing ${n}`,
        url: `${url}/fail/${n}`,
        eventTypes: [type],
        retryPolicy: { delaysSeconds: [0] },
      });
      for (let sent = 0; sent < perEndpoint; sent += 500)
        await this.publish(Array.from({ length: Math.min(500, perEndpoint - sent) }, (_, i) => ({ type, data: { n: sent + i } })));
      await waitFor(
        () => conservation(server),
        ({ failed }) => failed === (n + 1) * perEndpoint,
      );
      const input = { url: `${url}/ok/${n}` };
      await server.graphql('mutation ($id: ID!, $input: EndpointPatch!) { updateEndpoint(id: $id, input: $input) { id } }', { id, input });
    }
  }

  /** Again while the server asks for patience. */
  private async publish(messages: readonly MessageInput[]): Promise<void> {
    while ((await this.server.request('/v1/messages', messages)).status !== 202) await delay(100);
  }

  /** New messages, one every 20 ms, until it is called again. @returns what they waited from the request to the receiver */
  async newMessages(): Promise<() => Promise<Received['latencyMs']>> {
    const { server, receiver } = this;
    await receiver.call('reset');
    const open = new Set<Promise<unknown>>();
    const timer = setInterval(() => {
      const body = JSON.stringify({ type: 'bench.new', data: { sentAt: clock() } });
      const one = ask(server, 'POST', '/v1/messages', body).catch(() => undefined); // refused while the server is down
      open.add(one);
      void one.finally(() => open.delete(one));
    }, 20);
    return async () => {
      clearInterval(timer);
      await Promise.all(open);
      await delay(500);
      return (await receiver.call('snapshot')).latencyMs;
    };
  }

  retry = async () => {
    const mutation = `mutation { retryDeliveries(filter: {}) { ${fields} } }`;
    return timed(this.server.graphql<{ retryDeliveries: BulkRetry }>(mutation));
  };

  stateOf = async (id: string): Promise<BulkRetry> =>
    (await this.server.graphql<{ bulkRetry: BulkRetry }>(`query ($id: ID!) { bulkRetry(id: $id) { ${fields} } }`, { id })).bulkRetry;

  cancel = (id: string) =>
    timed(this.server.graphql<{ cancelBulkRetry: BulkRetry }>(`mutation ($id: ID!) { cancelBulkRetry(id: $id) { ${fields} } }`, { id }));

  async measure() {
    // 1. What new messages wait without it.
    const alone = await (await this.newMessages().then(async (end) => (await delay(3_000), end)))();
    // 2. The first one is asked for, killed, and cancelled.
    const asked = await this.retry();
    const { id, matched } = asked.answer.retryDeliveries;
    await waitFor(
      () => this.stateOf(id),
      ({ retried }) => retried >= wanted / 10,
    );
    await this.server.kill9();
    await this.server.start();
    await waitFor(
      () => this.stateOf(id).catch(() => ({ retried: 0 })),
      ({ retried }) => retried >= wanted / 4,
    );
    const cancelled = await this.cancel(id);
    await waitFor(
      () => conservation(this.server),
      ({ open }) => open === 0,
    );
    const first = await this.stateOf(id);
    // 3. The second one retries the rest.
    const end = await this.newMessages();
    const from = performance.now();
    const again = await this.retry();
    const second = await waitFor(
      () => this.stateOf(again.answer.retryDeliveries.id),
      ({ status }) => status !== 'RUNNING',
    );
    await waitFor(
      () => conservation(this.server),
      ({ failed }) => failed === 0,
    );
    const seconds = (performance.now() - from) / 1_000;
    const beside = await end();
    return {
      deliveries: wanted,
      answerMs: Math.max(asked.ms, again.ms),
      matched,
      cancelMs: cancelled.ms,
      goneOnAfterKill: first.status === 'CANCELLED' && first.retried > wanted / 10,
      allRetried: second.status === 'DONE' && first.retried + second.retried === wanted,
      perSecond: second.retried / seconds,
      newMessages: { alone, beside },
    };
  }
}

const receiver = startPart<ReceiverPart>('receiver.ts');
const server = await startServer({ ...(options.main && { main: options.main }), env: { HOOKLEDGER_RATE_LIMIT: '1000000' } });
try {
  const url = await receiver.call('listen');
  await createEndpoint(server, { name: 'New', url: `${url}/ok/new`, eventTypes: ['bench.new'] });
  const bench = new BulkRetryBench(server, receiver);
  const filling = performance.now();
  await bench.fill(url);
  say(`${wanted} deliveries have failed after ${((performance.now() - filling) / 1_000).toFixed(0)} s.`);
  const figures = await bench.measure();
  const { alone, beside } = figures.newMessages;
  const met = figures.answerMs < targets.answerMs && figures.goneOnAfterKill && figures.allRetried && figures.matched === wanted;
  if (options.json) console.log(JSON.stringify({ targets, ...figures, met }));
  else
    console.log(
      `retryDeliveries of ${figures.matched}: answered in ${figures.answerMs.toFixed(0)} ms, cancelled in ${figures.cancelMs.toFixed(0)} ms, ${figures.perSecond.toFixed(0)} retried a second; ` +
        `new messages' p50 and p99 ${beside.p50} and ${beside.p99} ms beside it, ${alone.p50} and ${alone.p99} ms alone; ${met ? 'met' : 'MISSED'}`,
    );
} finally {
  closeConnections();
  await server.dispose();
  await receiver.stop();
}
