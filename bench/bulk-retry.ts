// Measures `retryDeliveries` of many: `npm run bench:bulk-retry [-- --deliveries 200000 --main FILE --json]`. How fast it answers, how many it retries in a
// second, what new messages wait beside it, and that it goes on after kill -9 and ends when it is cancelled. What has failed is written to the log directly.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { asOrganizationId, endpointId, type EndpointId, type Position } from '../src/domain/ids.ts';
import { deliveryStream, messageStream } from '../src/domain/streams.ts';
import type { Write } from '../src/event-store/event-store.ts';
import { deliveryIdOf, newId, newMessageId } from '../src/event-store/id-generation.ts';
import { SqliteEventStore } from '../src/event-store/sqlite/sqlite-event-store.ts';
import { conservation, createEndpoint, startServer, type Server } from '../test/support/server.ts';
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
const organizationId = asOrganizationId('default');
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

/** The log as it is when each delivery has failed at its only attempt. */
const fill = async (directory: string, ids: readonly EndpointId[]): Promise<void> => {
  const store = await SqliteEventStore.open({ directory });
  const metadata = { actor: 'system:bench' };
  const expectedRevision = 'no-stream';
  const failedAt = new Date().toISOString();
  const attempt = {
    attempt: 1,
    startedAt: failedAt,
    durationMs: 5,
    url: 'http://127.0.0.1/',
    endpointRevision: 0,
    requestHeaders: {},
    responseCode: 500,
    failure: 'HTTP_STATUS',
    error: 'The receiver answered 500 Internal Server Error.',
    failuresInSeries: 1,
  } as const;
  try {
    for (const [n, endpointId] of ids.entries())
      for (let at = 0; at < perEndpoint; at += 500) {
        const writes = Array.from({ length: Math.min(500, perEndpoint - at) }, (_, i): Write[] => {
          const messageId = newMessageId();
          const subject = { organizationId, messageId, endpointId };
          const content = { type: `bench.retry-${n}`, timestamp: failedAt, data: { n: at + i }, skipped: [], routedAt: '' as Position };
          const accepted = { type: 'message.accepted', data: { organizationId, ...content, destinations: [{ endpointId }] } } as const;
          const failed = { type: 'delivery.attempt-failed', data: { ...subject, ...attempt } } as const;
          const exhausted = { type: 'delivery.exhausted', data: { ...subject, attempts: 1, at: failedAt } } as const;
          return [
            { stream: messageStream(messageId), expectedRevision, events: [{ ...accepted, id: newId(), metadata }] },
            {
              stream: deliveryStream(deliveryIdOf(messageId, endpointId)),
              expectedRevision,
              events: [failed, exhausted].map((event) => ({ ...event, id: newId(), metadata })),
            },
          ];
        });
        await store.append(writes.flat());
      }
  } finally {
    await store.close();
  }
};

const receiver = startPart<ReceiverPart>('receiver.ts');
const server = await startServer({ ...(options.main && { main: options.main }), env: { HOOKLEDGER_RATE_LIMIT: '1000000' } });
try {
  const url = await receiver.call('listen');
  await createEndpoint(server, { name: 'New', url: `${url}/ok/new`, eventTypes: ['bench.new'] });
  const ids: EndpointId[] = [];
  for (let n = 0; n < endpoints; n++) {
    const settings = { url: `${url}/ok/${n}`, eventTypes: [`bench.retry-${n}`], retryPolicy: { delaysSeconds: [0] } };
    ids.push(endpointId.parse(await createEndpoint(server, { name: `Failing ${n}`, ...settings })));
  }
  await server.stop();
  const filling = performance.now();
  await fill(server.dataDir, ids);
  await server.start();
  await waitFor(
    () => conservation(server).catch(() => ({ failed: 0 })),
    ({ failed }) => failed === wanted,
  );
  say(`${wanted} deliveries have failed after ${((performance.now() - filling) / 1_000).toFixed(0)} s.`);
  const bench = new BulkRetryBench(server, receiver);
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
