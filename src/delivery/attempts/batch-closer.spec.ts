import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dueCause, accepted, organizationId } from '../../../test/support/samples.ts';
import { cancelAlone } from '../../commands/closed-batches.ts';
import { CommandExecutor } from '../../commands/command-executor.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { batchIdOf, deliveryIdOf, newId } from '../../event-store/id-generation.ts';
import { SqliteEventStore } from '../../event-store/sqlite/sqlite-event-store.ts';
import { BatchCloser } from './batch-closer.ts';
import { ScheduleAttempt, type DeliveryOrBatchId } from '../saga/saga-commands.ts';
import { batchStream, messageStream } from '../../domain/streams.ts';

const e1 = 'e1' as EndpointId;
const idOf = (messageId: string) => deliveryIdOf(messageId as MessageId, e1);
const due = (messageId: string) =>
  new ScheduleAttempt(
    idOf(messageId),
    { organizationId, messageId: messageId as MessageId, endpointId: e1 },
    1,
    0,
    'no-stream',
    0,
    dueCause,
  );

const idsOf = (deliveries: readonly ScheduleAttempt[]) => deliveries.map(({ id }) => id);

describe('the batch closer', () => {
  let folder: string;
  let store: SqliteEventStore;
  /** What the table of due attempts says. */
  let newest = 0;
  /** What the table says waits for the deliveries of a batch. */
  let waiting: ScheduleAttempt[] = [];
  let batched = new Set<DeliveryOrBatchId>();
  const closer = () =>
    new BatchCloser(store, new CommandExecutor(store), {
      isShared: false,
      turnsOf: async (_, most) => ({ batched, followers: waiting.slice(0, most) }),
      newestBatch: async () => newest,
    });
  const accept = (id: string, data: JsonObject = {}) =>
    store.append([
      {
        stream: messageStream(id as MessageId),
        expectedRevision: 'no-stream',
        events: [{ ...accepted([e1], { data }), id: newId(), metadata: { actor: 'test' } }],
      },
    ]);
  const closed = async (number: number) => {
    const [event] = await store.readStream(batchStream(batchIdOf(e1, number)));
    return event?.type === 'batch.closed' ? event.data : undefined;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'batch-closer-'));
    store = await SqliteEventStore.open({ directory: folder });
    newest = 0;
    waiting = [];
    batched = new Set();
    for (const id of ['m1', 'm2', 'm3', 'm4']) await accept(id);
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it('records what is in a batch, in order, under the next number, and has its messages at hand once', async () => {
    newest = 6;
    const batches = closer();
    const { deliveries, position } = await batches.close(e1, [due('m2'), due('m1')], 100);
    expect(idsOf(deliveries)).toEqual([idOf('m2'), idOf('m1')]);
    expect(await closed(7)).toEqual({ organizationId, endpointId: e1, number: 7, messages: ['m2', 'm1'] });
    expect(position).toBe(await store.tip());
    expect(batches.takeMessages(batchIdOf(e1, 7))?.map(({ stream }) => stream)).toEqual(['message-m2', 'message-m1']);
    expect(batches.takeMessages(batchIdOf(e1, 7))).toBeUndefined();
    await batches.close(e1, [due('m3')], 100);
    expect(await closed(8)).toMatchObject({ messages: ['m3'] });
  });

  it('puts no delivery into two batches, though somebody else closes batches of the same endpoint', async () => {
    const [one, other] = [closer(), closer()];
    const results = await Promise.all([
      one.close(e1, [due('m1'), due('m2'), due('m3')], 100),
      other.close(e1, [due('m2'), due('m3'), due('m4')], 100),
    ]);
    expect(results.map(({ deliveries }) => idsOf(deliveries).toSorted())).toEqual([
      ['m1', 'm2', 'm3'].map(idOf).toSorted(),
      ['m2', 'm3', 'm4'].map(idOf).toSorted(),
    ]);
    const all = [...((await closed(1))?.messages ?? []), ...((await closed(2))?.messages ?? [])];
    expect(all.toSorted()).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(await closed(3)).toBeUndefined();
  });

  it('takes those that wait for their turn with the others, as many as there is room for', async () => {
    waiting = [due('m3'), due('m4')];
    const { deliveries } = await closer().close(e1, [due('m1')], 2);
    expect(idsOf(deliveries)).toEqual(['m1', 'm3'].map(idOf));
    expect(await closed(1)).toMatchObject({ messages: ['m1', 'm3'] });
  });

  it('leaves to their turn those that waited for what somebody else put in a batch', async () => {
    const [one, other] = [closer(), closer()];
    await one.close(e1, [due('m1')], 10);
    waiting = [due('m2')];
    const { deliveries } = await other.close(e1, [due('m1')], 10); // its table does not show that batch yet
    expect(idsOf(deliveries)).toEqual([idOf('m1')]);
    expect(await closed(2)).toBeUndefined();
  });

  it('leaves out what is in a batch already, by the table: it had waited for its turn there', async () => {
    batched = new Set([idOf('m1'), idOf('m3')]);
    const { deliveries, position } = await closer().close(e1, [due('m1'), due('m2')], 10);
    expect(idsOf(deliveries)).toEqual(['m1', 'm2'].map(idOf));
    expect(position).toBe(await store.tip());
    expect(await closed(1)).toMatchObject({ messages: ['m2'] });
    expect(await closer().close(e1, [due('m3')], 10)).toEqual({ deliveries: [due('m3')], position: undefined });
    expect(await closed(2)).toBeUndefined();
  });

  it('leaves out what was cancelled in a batch of its own, though it was gathered and the table shows that batch', async () => {
    const cancel = (message: string, last: number) => {
      const subject = { organizationId, messageId: message as MessageId, endpointId: e1 };
      return cancelAlone(
        new CommandExecutor(store),
        subject,
        last,
        { now: new Date(), reason: 'test' },
        { actor: 'test', commandId: message },
      );
    };
    await closer().close(e1, [due('m4')], 10);
    await cancel('m1', 1);
    await cancel('m3', 2);
    newest = 3;
    const batches = closer();
    const { deliveries } = await batches.close(e1, [due('m1'), due('m2')], 10);
    expect(idsOf(deliveries).toSorted()).toEqual(['m1', 'm2'].map(idOf).toSorted());
    expect(await closed(4)).toMatchObject({ messages: ['m2'] });
    expect(await batches.close(e1, [due('m3')], 10)).toEqual({ deliveries: [due('m3')], position: undefined });
    await accept('m5');
    await cancel('m5', 4);
    expect(await batches.close(e1, [due('m5')], 10)).toMatchObject({ deliveries: [due('m5')] });
    expect(await closed(6)).toBeUndefined();
  });

  it('puts nothing that is in a batch already into another one', async () => {
    await closer().close(e1, [due('m1'), due('m2')], 100);
    const { deliveries } = await closer().close(e1, [due('m1')], 100); // its table does not show that batch yet
    expect(idsOf(deliveries)).toEqual([idOf('m1')]);
    expect(await closed(2)).toBeUndefined();
  });

  it('leaves to the next batch what would make this one too large', async () => {
    const large = 'x'.repeat(250_000);
    const many = Array.from({ length: 20 }, (_, i) => `large-${i}`);
    for (const id of many) await accept(id, { large });
    const { deliveries } = await closer().close(e1, many.map(due), 100);
    expect(deliveries).toHaveLength(16); // 16 × 250 kB are within 4 MiB, 17 are not
  });
});
