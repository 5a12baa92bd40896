// A simulation of delivery as a whole, on a real log and a real table: random answers, pauses, retries, cancellations and crashes.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accepted, harmlessUrl, organizationId, registered } from '../../test/support/samples.ts';
import { cancelAlone } from '../commands/closed-batches.ts';
import { fold } from '../domain/decider.ts';
import type { AttemptsCommand } from '../domain/attempts.ts';
import { batch, type BatchEvent } from '../domain/batch.ts';
import { delivery, type DeliveryEvent } from '../domain/delivery.ts';
import { endpoint, type EndpointCommand } from '../domain/endpoint.ts';
import type { BatchId, DeliveryId, EndpointId, MessageId } from '../domain/ids.ts';
import { type RecordedEvent } from '../event-store/event-store.ts';
import { batchIdOf, deliveryIdOf, newId } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { Vault } from '../secrets/vault.ts';
import type { SendOutcome, SendRequest } from './sender/send-outcome.ts';
import { batchStream, deliveryStream, endpointStream } from '../domain/streams.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { randomFrom, type Sent, Session } from './given.ts';

describe('delivery as a whole', () => {
  let folder: string;
  let store: SqliteEventStore;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'simulation-'));
    store = await SqliteEventStore.open({ directory: folder });
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const seeds = process.env['SIMULATION_SEEDS']?.split(',').map(Number) ?? [1, 2];
  it.each(seeds)(
    'ends every delivery, keeps the order of keys, and sends nothing twice but after a crash (seed %i)',
    { timeout: 60_000 },
    async (seed) => {
      const random = randomFrom(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const failures: unknown[] = [];
      const vault = new Vault(randomBytes(32));
      const cause = () => ({ actor: 'test', commandId: newId() });
      const orderings = ['PER_KEY', 'PER_KEY', 'STRICT'] as const;
      const all = Array.from({ length: 5 }, (_, i) => `e${i}` as EndpointId);
      const endpoints = [...all];
      const deliveries: { id: DeliveryId; messageId: MessageId; endpointId: EndpointId }[] = [];
      const sent: Sent[] = [];
      const succeeded: { url: string; id: string }[] = [];
      /** Deliveries of each key of an endpoint, in the order of the log. */
      const queues = new Map<string, typeof deliveries>();
      let sessions = 0;
      let calm = false;

      const send = async ({ url, headers }: SendRequest): Promise<SendOutcome> => {
        sent.push({ messageId: headers['webhook-id'] ?? '', attempt: headers['webhook-attempt'] ?? '', url, session: sessions });
        const told = { startedAt: new Date().toISOString(), durationMs: 0 };
        const response = (responseCode: number) => ({ responseCode, responseHeaders: {}, responseBody: '' });
        const luck = random();
        if (luck < 0.6) {
          succeeded.push({ url, id: headers['webhook-id'] ?? '' });
          return { ...told, outcome: 'succeeded', ...response(200) };
        }
        if (luck < 0.61 && !calm) return { ...told, outcome: 'failed', failure: 'HTTP_STATUS', error: 'Gone.', ...response(410) };
        if (luck < 0.7) return { ...told, outcome: 'failed', failure: 'TIMEOUT', error: 'No answer.' };
        return { ...told, outcome: 'failed', failure: 'HTTP_STATUS', error: 'It answered 500.', ...response(500) };
      };

      // 1. An organization and its endpoints, whose retries follow at once or within some milliseconds.
      const key = vault.newKey(`organization-${organizationId}`);
      const setUp = { actor: 'test' };
      await store.append([
        {
          stream: `organization-${organizationId}`,
          expectedRevision: 'no-stream',
          events: [{ type: 'organization.registered', data: { name: 'Test', encryptionKey: key }, id: newId(), metadata: setUp }],
        },
        ...endpoints.map((id, i) => {
          const retryPolicy = { delaysSeconds: [0, 0, 0.02, 0.1], jitter: 0.5 };
          const batch = i === 0 ? { maxSize: 7, maxWaitMs: 20 } : null;
          const order = { ordering: orderings[i] ?? 'NONE', onExhausted: i === 2 ? 'HOLD' : 'CONTINUE' } as const;
          const event = registered({ url: harmlessUrl(`https://${id}.example/`), retryPolicy, name: `${i}`, batch, ...order });
          return {
            stream: endpointStream(id),
            expectedRevision: 'no-stream' as const,
            events: [{ ...event, id: newId(), metadata: setUp }],
          };
        }),
      ]);

      const begin = async () => {
        sessions++;
        const session = new Session(store, vault, folder, random, send, (...what) => failures.push(what));
        await session.start();
        return session;
      };
      let session = await begin();
      const change = async (id: EndpointId, command: EndpointCommand) =>
        session.executor.execute({ stream: endpointStream(id), decider: endpoint, command }, cause()).catch(() => undefined);
      /** Cancelled before anything was attempted, in a batch alone. */
      const cancelledAlone: DeliveryId[] = [];
      const cancelWaiting = async (of: (typeof deliveries)[number], newest: number) => {
        const subject = { organizationId, messageId: of.messageId, endpointId: of.endpointId };
        const outcome = await cancelAlone(session.executor, subject, newest, { now: new Date(), reason: 'test' }, cause()).catch(
          () => undefined,
        );
        if (outcome && !('batchId' in outcome)) cancelledAlone.push(of.id);
      };
      const batched = async () => {
        const inBatch = new Map<DeliveryId, BatchId>();
        for (let number = 1; ; number++) {
          const id = batchIdOf(all[0] as EndpointId, number);
          const [closed] = await store.readStream(batchStream(id));
          if (closed?.type !== 'batch.closed') return inBatch;
          for (const messageId of closed.data.messages) {
            const deliveryId = deliveryIdOf(messageId, closed.data.endpointId);
            expect(inBatch, 'in two batches').not.toContain(deliveryId);
            inBatch.set(deliveryId, id);
          }
        }
      };
      const cancel = (): AttemptsCommand => ({ type: 'Cancel', now: new Date(), reason: 'test' });
      const decide = async (command: () => AttemptsCommand, of = pick(deliveries)) => {
        const closed = await batched();
        const inBatch = closed.get(of.id);
        if (inBatch) {
          const subject = { organizationId, endpointId: of.endpointId, size: 1 };
          await session.executor
            .execute({ stream: batchStream(inBatch), decider: batch, command: { ...command(), subject } }, cause())
            .catch(() => undefined);
          return;
        }
        const events = await store.readStream(deliveryStream(of.id));
        const isCancel = command().type === 'Cancel';
        // Not attempted yet: it may be on its way into a batch.
        if (events.length === 0 && of.endpointId === all[0] && isCancel) return cancelWaiting(of, new Set(closed.values()).size);
        if (events.length === 0 && (of.endpointId === all[0] || !isCancel)) return;
        await session.executor
          .execute(
            { stream: deliveryStream(of.id), decider: delivery, command: { ...command(), subject: { organizationId, ...of } } },
            cause(),
          )
          .catch(() => undefined);
      };
      const publish = async () => {
        const messages = Array.from({ length: 1 + Math.floor(random() * 30) }, () => newId() as MessageId);
        const to = endpoints.filter(() => random() < 0.5);
        const later = random() < 0.2 ? { notBefore: new Date(Date.now() + random() * 80).toISOString() } : {};
        const keys = messages.map(() => pick([undefined, 'a', 'b', 'c']));
        const orderingOf = (endpointId: EndpointId, key: string | undefined) => {
          const ordering = orderings[all.indexOf(endpointId)];
          return ordering === 'STRICT' || key !== undefined ? ordering : undefined;
        };
        const destination = (endpointId: EndpointId, key: string | undefined) => {
          const ordering = orderingOf(endpointId, key);
          return { endpointId, ...later, ...(ordering && { ordering }) };
        };
        await store.append(
          messages.map((id, i) => {
            const destinations = to.map((endpointId) => destination(endpointId, keys[i]));
            const event = accepted(destinations, keys[i] === undefined ? {} : { orderingKey: keys[i] });
            return {
              stream: `message-${id}`,
              expectedRevision: 'no-stream' as const,
              events: [{ ...event, id: newId(), metadata: setUp }],
            };
          }),
        );
        for (const [i, messageId] of messages.entries())
          for (const endpointId of to) {
            const made = { id: deliveryIdOf(messageId, endpointId), messageId, endpointId };
            deliveries.push(made);
            const ordering = orderingOf(endpointId, keys[i]);
            const queue = ordering && `${endpointId} ${ordering === 'STRICT' ? '' : keys[i]}`;
            if (queue !== undefined) queues.set(queue, [...(queues.get(queue) ?? []), made]);
          }
      };

      // 2. Forty things happen.
      await publish();
      for (let step = 0; step < 40; step++) {
        const what = random();
        const id = pick(endpoints);
        if (what < 0.35) await publish();
        else if (what < 0.45) void change(id, { type: 'Pause' });
        else if (what < 0.55) void change(id, { type: 'Resume' });
        else if (what < 0.6) void change(id, { type: 'Disable', reason: null });
        else if (what < 0.7) void change(id, { type: 'Enable' });
        else if (what < 0.71 && endpoints.length > 3) void change(endpoints.pop() as EndpointId, { type: 'Delete' });
        else if (what < 0.85) void decide(() => ({ type: 'RequestRetry', now: new Date() }));
        else if (what < 0.9) void decide(cancel);
        else if (what < 0.94) {
          await session.crash();
          session = await begin();
        } else {
          // Perhaps while their batch is closed.
          for (const of of deliveries.filter(({ endpointId }) => endpointId === all[0]).slice(-3)) void decide(cancel, of);
        }
        await delay(random() ** 2 * 40);
      }

      // 3. The endpoints work again.
      calm = true;
      const batchState = async (id: BatchId) => fold(batch, (await store.readStream(batchStream(id))) as unknown as BatchEvent[]).status;
      const state = async (id: DeliveryId) =>
        fold(delivery, (await store.readStream(deliveryStream(id))) as unknown as DeliveryEvent[]).status; // of one stream
      const holdsKey = async (id: DeliveryId) =>
        fold(delivery, (await store.readStream(deliveryStream(id))) as unknown as DeliveryEvent[]).holdsKey === true;
      const settled = async () => {
        for (const id of all) {
          const known = fold(endpoint, (await store.readStream(endpointStream(id))) as never);
          const status = known.exists === 'yes' ? known.configuration.status : 'ENABLED';
          if (status === 'PAUSED') await change(id, { type: 'Resume' });
          if (status === 'DISABLED') await change(id, { type: 'Enable' });
        }
        await session.caughtUp(await store.tip());
        // A person cancels what holds its key.
        const waiting = new Set<string>((await session.waiting()).map(({ id }) => id));
        for (const { id, ...of } of deliveries.filter((each) => each.endpointId === all[2] && waiting.has(each.id))) {
          const decision = {
            decider: delivery,
            command: { type: 'Cancel', now: new Date(), reason: 'test', subject: { organizationId, ...of } },
          } as const;
          if (await holdsKey(id)) await session.executor.execute({ stream: deliveryStream(id), ...decision }, cause());
        }
        expect(await session.waiting()).toEqual([]);
      };
      await waitFor(settled, { timeout: 40_000 });
      const inBatch = await batched();
      expect(inBatch.size).toBeGreaterThan(0);
      for (const { id } of deliveries) {
        const batchId = inBatch.get(id);
        expect([id, batchId ? await batchState(batchId) : await state(id)]).not.toEqual([id, 'pending']);
      }

      const retried = async (id: BatchId) => (await store.readStream(batchStream(id))).some(({ type }) => type === 'batch.retry-requested');
      for (const id of cancelledAlone) {
        const batchId = inBatch.get(id) as BatchId;
        expect([id, (await store.readStream(batchStream(batchId)))[1]?.type]).toEqual([id, 'batch.cancelled']);
        const requests = (await retried(batchId)) ? [] : sent.filter(({ messageId }) => messageId === batchId);
        expect(requests).toEqual([]);
      }

      // 4. The first successes of each key were in the order of the log, but for those whose turn had ended without success.
      const firstEnd = async (id: DeliveryId) => {
        const batchId = inBatch.get(id);
        const recorded = await store.readStream(batchId ? batchStream(batchId) : deliveryStream(id));
        return recorded.find(({ type }) => /attempt-succeeded|exhausted|cancelled/.test(type))?.type;
      };
      let compared = 0;
      for (const [queue, its] of queues) {
        const places: number[] = [];
        for (const { id, messageId, endpointId } of its) {
          if (!(await firstEnd(id))?.endsWith('succeeded')) continue;
          const sentAs = inBatch.get(id) ?? messageId;
          places.push(succeeded.findIndex((each) => each.url === `https://${endpointId}.example/` && each.id === sentAs));
        }
        expect([queue, places]).toEqual([queue, places.toSorted((a, b) => a - b)]);
        compared += places.length;
      }
      expect(compared).toBeGreaterThan(20);

      // 5. What was sent is what is recorded.
      const seen = new Set<string>();
      for (const { messageId, url, attempt, session: life } of sent) {
        const what = `${messageId} ${url} ${attempt} in session ${life}`;
        expect(seen, 'sent twice').not.toContain(what);
        seen.add(what);
      }
      const events: RecordedEvent[] = [];
      for (const { id } of deliveries) events.push(...(await store.readStream(deliveryStream(id))));
      for (const id of new Set(inBatch.values())) events.push(...(await store.readStream(batchStream(id))));
      const attempts = events.filter(({ type }) => /\.attempt-(succeeded|failed)$/.test(type));
      expect(sent.length).toBeGreaterThanOrEqual(attempts.length);
      expect(sent.length - attempts.length).toBeLessThanOrEqual((sessions - 1) * 12); // what was in flight at a crash
      expect(failures).toEqual([]);
      await session.crash();
    },
  );
});
