// The views hold each event once, however the log is cut into batches, and whatever was rolled back or stopped.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { databaseKinds } from '../../../test/support/databases.ts';
import { EventLog, minute } from '../../../test/support/event-log.ts';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import type { EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import { ConsumerRunner } from '../engine/consumer-runner.ts';
import type { Tables } from '../engine/database/database.ts';
import { viewEventOf } from './view-event.ts';
import { compareWithRebuild, digest } from '../engine/compare-tables.ts';
import { viewQueries } from '../queries/view-queries.ts';
import type { ViewsSchema } from './schema.ts';
import { Views } from './views.ts';
import { organization, silent, database, store, log, opened, setUp, runner } from '../../../test/support/given-views.ts';

describe.each(databaseKinds)('the views on $name', ({ name, make }) => {
  setUp(make);

  type Step = {
    kind: 'message' | 'attempt' | 'retry' | 'replay' | 'cancel' | 'endpoint' | 'close';
    message: number;
    to: number;
    ok: boolean;
  };
  const steps = fc.array(
    fc.record<Step>({
      kind: fc.constantFrom('message', 'attempt', 'attempt', 'attempt', 'retry', 'replay', 'cancel', 'endpoint', 'close'),
      message: fc.nat(4),
      to: fc.nat(1),
      ok: fc.boolean(),
    }),
    { minLength: 5, maxLength: 40 },
  );
  /** A log that the deciders could have written. */
  const write = (into: EventLog, taken: readonly Step[]) => {
    const endpoints = [into.endpoint('a'), into.endpoint('b')];
    /** Messages take turns at b, by two keys. */
    const keyOf = (of: MessageId) => `k${messages.indexOf(of) % 2}`;
    const hasTurn = (of: MessageId, to: EndpointId) =>
      to === 'a' || !messages.slice(0, messages.indexOf(of)).some((each) => keyOf(each) === keyOf(of) && isOpen(each, to));
    const isOpen = (of: MessageId, to: EndpointId) => {
      const batch = batchOf(of, to);
      return into.routed(of, to) && (batch ? into.isBatchOpen(to, batch.number) : into.isOpen(of, to));
    };
    const messages: MessageId[] = [];
    const attempts = new Map<string, number>();
    const batches: { of: MessageId[]; to: EndpointId; number: number; attempts: number }[] = [];
    const batchOf = (of: MessageId, to: EndpointId) => batches.find((each) => each.to === to && each.of.includes(of));
    for (const { kind, message, to, ok } of taken) {
      into.now += 7 * minute;
      const receiver = endpoints[to] as EndpointId;
      const target = messages[message % Math.max(messages.length, 1)];
      if (kind === 'message')
        messages.push(
          into.message(`m${messages.length}`, ok ? endpoints : [receiver], { inOrder: { at: 'b', key: `k${messages.length % 2}` } }),
        );
      else if (kind === 'endpoint') into.endpoint(receiver, { type: ok ? 'Resume' : 'Pause' });
      else if (kind === 'close') {
        const alone = (of: MessageId) =>
          into.routed(of, receiver) && into.isNew(of, receiver) && !batchOf(of, receiver) && hasTurn(of, receiver);
        const of = messages.filter(alone).slice(0, 1 + message);
        if (of.length === 0) continue;
        batches.push({ of, to: receiver, number: batches.length + 1, attempts: 0 });
        into.closeBatch(receiver, batches.length, of);
      } else if (kind === 'replay' && target && !batchOf(target, receiver)) into.replay(target, receiver, ok ? 'r1' : 'r2');
      else if (!target || !into.routed(target, receiver)) continue;
      else if (kind === 'attempt' && !hasTurn(target, receiver)) continue;
      else if (batchOf(target, receiver)) {
        const batch = batchOf(target, receiver) as (typeof batches)[number];
        const { number, of } = batch;
        if (kind === 'retry') into.retryBatch(receiver, number, of.length);
        else if (kind === 'replay') into.replayBatch(receiver, number, of.length, ok ? 'r1' : 'r2');
        else if (kind === 'cancel') into.cancelBatch(receiver, number, of.length);
        else if (into.isBatchOpen(receiver, number)) into.attemptBatch(receiver, number, of.length, ++batch.attempts, ok ? 200 : 500);
      } else if (kind === 'retry') into.retry(target, receiver);
      else if (kind === 'cancel') into.cancel(target, receiver);
      else {
        const next = (attempts.get(target + receiver) ?? 0) + 1;
        if (!into.isOpen(target, receiver)) continue;
        attempts.set(target + receiver, next);
        into.attempt(target, receiver, next, ok ? 200 : 500);
      }
    }
  };
  const rolledBack = async (namespace: Tables<ViewsSchema>, batch: readonly RecordedEvent[]) => {
    const work = namespace.transaction(async (tx) => {
      await new Views().apply(batch.map(viewEventOf), tx);
      throw new Error('rolled back');
    }, batch.at(-1)?.position);
    await expect(work).rejects.toThrow('rolled back');
  };
  const tablesOf = (namespace: Tables<ViewsSchema>) => digest(namespace.read, new Views());

  it('are the same however the log is cut into batches, and whatever was rolled back', async () => {
    const views = new Views();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), fails: fc.boolean() }), { minLength: 1 }),
        async (taken, cuts) => {
          const source = new MemoryEventStore();
          write(new EventLog(source), taken);
          const create = views.createTables.bind(views);
          const [cut, single] = [await database.open('cut', ++n, create), await database.open('single', n, create)];
          const [fresh, freshViews] = [await database.openNext('fresh', n, create), new Views()];
          opened.push(cut, single, fresh);
          for (const event of source.log) await single.transaction((tx) => views.apply([viewEventOf(event)], tx), event.position);
          for (let from = 0, i = 0; from < source.log.length; i++) {
            const { size, fails } = cuts[i % cuts.length] ?? { size: 1, fails: false };
            const batch = source.log.slice(from, (from += size));
            if (fails) await rolledBack(cut, batch);
            await cut.transaction((tx) => views.apply(batch.map(viewEventOf), tx), batch.at(-1)?.position);
            await fresh.transaction((tx) => freshViews.apply(batch.map(viewEventOf), tx), batch.at(-1)?.position);
          }
          await fresh.checkpoint();
          expect(await tablesOf(cut)).toEqual(await tablesOf(single));
          expect(await tablesOf(fresh)).toEqual(await tablesOf(single));
          const queries = viewQueries(() => cut.read);
          const { routed, succeeded, failed, cancelled, open } = await queries.deliveries.conservation(organization);
          expect(routed).toBe(succeeded + failed + cancelled + open);
          for (const each of opened.splice(0)) await each.close();
        },
      ),
      { numRuns: name === 'sqlite' ? 12 : 3 }, // what differs between databases shows in few
    );
  });

  it('count each event once across stops at random moments, and are what a rebuild makes', async () => {
    write(log, fc.sample(steps, { numRuns: name === 'sqlite' ? 20 : 8, seed: 7 }).flat());
    const end = (await store.tip()) as Position;
    for (let i = 0; ; i++) {
      const views = new ConsumerRunner(new Views(), store, database, silent, { maxBatch: 3 });
      await views.start();
      const reached = await views.reached(end, i % 7);
      await views.stop();
      if (reached) break;
    }
    const views = await runner();
    const compared = await compareWithRebuild(views.read, new Views(), store, database);
    expect(compared.different).toEqual([]);
    expect(compared).toMatchObject({ position: end, events: store.log.length });
    expect(compared.live.tables['deliveries']?.rows).toBeGreaterThan(5);

    await views.tables.transaction(({ kysely }) => kysely.updateTable('deliveries').set({ attempt_count: 99 }).execute());
    expect((await compareWithRebuild(views.read, new Views(), store, database)).different).toEqual(['deliveries']);
  });
});
