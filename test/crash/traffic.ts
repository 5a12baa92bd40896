// What the crash trials publish, to which endpoints, and what they remember of it.
import { Refused, Server, type MessageInput, type PublishedMessage } from '../support/server.ts';
import type { Behaviour } from './receiver.ts';

const slowestOfMs = 5_000;

export const secret = 'crash-trial-secret';

export const retryPolicy = { delaysSeconds: [0, 0.2, 0.5, 1, 2] };

/** A stable number from a message id, so that a repeated attempt is treated as the first one was. */
const roll = (messageId: string, sides: number) => Number.parseInt(messageId.replaceAll('-', '').slice(-6), 16) % sides;

export const endpoints: readonly { path: string; eventTypes: readonly string[]; ordering?: 'PER_KEY' | 'STRICT'; behaviour: Behaviour }[] =
  [
    { path: '/steady', eventTypes: ['*'], behaviour: () => ({ status: 200, afterMs: 0 }) },
    {
      // Fails at first: of four messages one at once succeeds, the others after one, two or three failures.
      path: '/flaky',
      eventTypes: ['order.created', 'invoice.paid'],
      behaviour: (id, attempt) => ({ status: attempt > roll(id, 4) ? 200 : 500, afterMs: 0 }),
    },
    { path: '/invoices', eventTypes: ['invoice.*'], behaviour: (id) => ({ status: 200, afterMs: roll(id, 10) }) },
    // One of six fails at first, and holds up its ordering key.
    {
      path: '/ordered',
      eventTypes: ['invoice.paid', 'user.joined'],
      ordering: 'PER_KEY',
      behaviour: (id, attempt) => ({ status: attempt > 1 || roll(id, 6) > 0 ? 200 : 500, afterMs: roll(id, 5) }),
    },
    { path: '/strict', eventTypes: ['audit.written'], ordering: 'STRICT', behaviour: (id) => ({ status: 200, afterMs: roll(id, 3) }) },
    { path: '/hanging', eventTypes: ['order.held'], behaviour: (id) => ({ status: 200, afterMs: 100 + roll(id, 600) }) },
  ];

export const eventTypes = ['order.created', 'invoice.paid', 'user.joined'];

/** Few, so that what hangs is under way at the kills and does not become a queue of its own. */
const shareOfHanging = 0.03;

/** Few, too, as they go out one after the other. */
const shareOfStrict = 0.05;

const orderingKeys = 100;

const matches = (pattern: string, type: string) =>
  pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)));

/** Where it takes turns, and with which messages. */
export const queuesOf = (type: string, orderingKey: string) =>
  endpoints.flatMap(({ path, eventTypes: patterns, ordering }) =>
    ordering !== undefined && patterns.some((pattern) => matches(pattern, type))
      ? [{ path, queue: ordering === 'STRICT' ? path : `${path} ${orderingKey}` }]
      : [],
  );

export const pathsFor = (type: string) =>
  endpoints.filter((endpoint) => endpoint.eventTypes.some((pattern) => matches(pattern, type))).map(({ path }) => path);

/** mulberry32: the same seed gives the same kill moments and messages, as far as scheduling allows. */
export const seededRandom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

type Batch = { messages: MessageInput[]; withIds: boolean };

export type Acknowledged = { type: string; key: string; orderingKey: string; position: string };

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Publishes on several connections until told to stop, through kills and restarts, and remembers what was acknowledged. */
export const startPublishers = (server: Pick<Server, 'publish'>, connections: number, random: () => number, violations: string[]) => {
  const acknowledged = new Map<string, Acknowledged>();
  const unknown: Batch[] = [];
  const settled: { batch: Batch; answers: PublishedMessage[] }[] = [];
  const figures = { unknownThenDuplicate: 0, unknownThenNew: 0, publishedAgain: 0, neverKnown: 0 };
  const durations: { at: number; ms: number }[] = [];
  /** When those that were not answered yet were sent. */
  const underWay = new Set<number>();
  let lastPosition = '';
  let serial = 0;
  const stopping = new AbortController();

  const fresh = (): Batch => {
    const withIds = random() < 0.7;
    const size = random() < 0.6 ? 1 : 1 + Math.floor(random() * 20);
    const messages = Array.from({ length: size }, (): MessageInput => {
      const key = `key-${++serial}`;
      const common = eventTypes[Math.floor(random() * eventTypes.length)] ?? 'user.joined';
      const rare = random();
      const type = rare < shareOfHanging ? 'order.held' : rare < shareOfHanging + shareOfStrict ? 'audit.written' : common;
      const orderingKey = `k${Math.floor(random() * orderingKeys)}`;
      return { ...(withIds ? { id: key } : {}), type, orderingKey, data: { key, note: 'published while the server is killed' } };
    });
    return { messages, withIds };
  };

  const acknowledge = (batch: Batch, answers: readonly PublishedMessage[]) => {
    if (answers.length !== batch.messages.length) violations.push(`A 202 named ${answers.length} messages for ${batch.messages.length}.`);
    answers.forEach((answer, i) => {
      const message = batch.messages[i];
      if (!message) return;
      const expected = pathsFor(message.type).length;
      if (answer.destinations !== expected)
        violations.push(`${message.type} was acknowledged with ${answer.destinations} destinations instead of ${expected}.`);
      const { position } = answer;
      acknowledged.set(answer.id, {
        type: message.type,
        key: String(message.data['key']),
        orderingKey: message.orderingKey ?? '',
        position,
      });
      if (answer.position > lastPosition) lastPosition = answer.position;
    });
  };

  const publishAgain = async (was: { batch: Batch; answers: PublishedMessage[] }) => {
    const answers = await server.publish(was.batch.messages);
    figures.publishedAgain += answers.length;
    answers.forEach((answer, i) => {
      if (!answer.duplicate || answer.id !== was.answers[i]?.id)
        violations.push(
          `Message ${was.answers[i]?.id} had been acknowledged; published again it became ${answer.id}, duplicate: ${answer.duplicate}.`,
        );
    });
  };

  const publishUnknown = async (batch: Batch) => {
    const answers = await server.publish(batch.messages);
    for (const { duplicate } of answers) figures[duplicate ? 'unknownThenDuplicate' : 'unknownThenNew']++;
    acknowledge(batch, answers);
  };

  /** @returns false when the outcome stayed unknown or was "later". */
  const one = async (batch: Batch, send: (batch: Batch) => Promise<void>): Promise<boolean> => {
    try {
      await send(batch);
      return true;
    } catch (error) {
      const refusedForNow = error instanceof Refused && (error.status === 503 || error.status === 429);
      if (error instanceof Refused && !refusedForNow) violations.push(error.message);
      else if (batch.withIds) unknown.push(batch);
      else if (!refusedForNow) figures.neverKnown += batch.messages.length;
      return false;
    }
  };

  const publishFresh = async (batch: Batch) => {
    const began = performance.now();
    underWay.add(began);
    const answers = await server.publish(batch.messages).finally(() => underWay.delete(began));
    durations.push({ at: performance.now(), ms: performance.now() - began });
    while ((durations[0]?.at ?? Infinity) < performance.now() - slowestOfMs) durations.shift();
    acknowledge(batch, answers);
    if (batch.withIds && settled.push({ batch, answers }) > 500) settled.shift();
  };

  const publisher = async () => {
    while (!stopping.signal.aborted) {
      const retry = unknown.pop();
      const again = random() < 0.03 ? settled[Math.floor(random() * settled.length)] : undefined;
      let done: boolean;
      if (retry) done = await one(retry, publishUnknown);
      else if (again) done = await one(again.batch, () => publishAgain(again));
      else done = await one(fresh(), publishFresh);
      await pause(done ? random() * 20 : 20);
    }
  };

  const running = Promise.all(Array.from({ length: connections }, publisher));
  return {
    acknowledged,
    figures,
    lastPosition: () => lastPosition,
    slowestMs: () => Math.max(0, ...durations.map(({ ms }) => ms), ...Array.from(underWay, (began) => performance.now() - began)),
    /** Ends once every message with a client id has a known outcome. */
    async stop() {
      stopping.abort();
      await running;
      const giveUp = Date.now() + 20_000;
      for (let batch = unknown.pop(); batch; batch = unknown.pop())
        if (!(await one(batch, publishUnknown))) {
          if (Date.now() > giveUp) return violations.push('Messages of unknown outcome could not be published again within 20 s.');
          await pause(50);
        }
      return undefined;
    },
  };
};
