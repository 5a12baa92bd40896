import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { organizationId, record, settings } from '../../test/support/samples.ts';
import { batch, type BatchCommand } from '../domain/batch.ts';
import type { EndpointId, MessageId } from '../domain/ids.ts';
import { batchStream, deliveryStream } from '../domain/streams.ts';
import { batchIdOf, deliveryIdOf } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import type { DeliveryQueries } from '../read-models/queries/delivery-queries.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { ClosedBatches } from './closed-batches.ts';
import { CommandExecutor } from './command-executor.ts';
import { CancelDelivery, CancelDeliveryHandler } from './delivery-commands.ts';

const endpointId = 'e1' as EndpointId;
const [m1, m2, m3] = ['m1', 'm2', 'm3'] as MessageId[] as [MessageId, MessageId, MessageId];
const id = deliveryIdOf(m1, endpointId);
const caller = { organizationId, actor: 'apikey:admin', correlationId: 'r1' };

describe('cancelling a delivery that goes in a batch', () => {
  let folder: string;
  let store: SqliteEventStore;
  let executor: CommandExecutor;
  /** The batches that the views show. */
  let shown: MessageId[][];
  /** Runs when the views have caught up. */
  let meanwhile: () => Promise<unknown>;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'delivery-commands-'));
    store = await SqliteEventStore.open({ directory: folder });
    executor = new CommandExecutor(store);
    shown = [];
    meanwhile = () => Promise.resolve();
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const batchOf = (number: number) => batchStream(batchIdOf(endpointId, number));
  const typesIn = async (stream: string) => (await store.readStream(stream)).map(({ type }) => type);
  const execute = (number: number, command: BatchCommand) =>
    executor.execute({ stream: batchOf(number), decider: batch, command }, { actor: 'test', commandId: `${number} ${command.type}` });
  const close = (number: number, ...messages: MessageId[]) =>
    execute(number, { type: 'Close', organizationId, endpointId, number, messages });

  const view = () => {
    const number = shown.findIndex((messages) => messages.includes(m1)) + 1;
    const its = number === 0 ? null : { id: batchIdOf(endpointId, number), size: shown[number - 1]?.length ?? 0 };
    const subject = { organizationId, messageId: m1, endpointId };
    return { id, subject, batch: its, isDelayed: false, endedAt: null, test: false };
  };
  const queries = { subjects: async () => [view()], find: async () => view() } as unknown as DeliveryQueries; // what the handler asks
  const directory = {
    endpoint: () => ({ configuration: { settings: { ...settings, batch: { maxSize: 10, maxWaitMs: 100 } } } }),
  } as unknown as EndpointDirectory; // likewise
  const cancel = async () => {
    const batches = new ClosedBatches(store, { reached: () => meanwhile().then(() => true) });
    batches.newestOf = async () => shown.length;
    await close(100, m3); // so that the log has an end
    return new CancelDeliveryHandler(executor, queries, directory, batches).execute(new CancelDelivery(caller, id));
  };

  it('closes and cancels a batch of its own while it waits, so that no other batch takes it', async () => {
    await cancel();
    expect(await typesIn(batchOf(1))).toEqual(['batch.closed', 'batch.cancelled']);
    expect(await typesIn(deliveryStream(id))).toEqual([]);
    const { events, state } = await close(1, m1, m2);
    expect([events, state]).toMatchObject([[], { messages: [m1], status: 'cancelled' }]);
  });
  it('cancels nothing unasked if it went into a batch with others at that moment, and says so', async () => {
    await close(1, m2);
    await close(2, m1, m3);
    await expect(cancel()).rejects.toThrow(/has just gone into a batch with one other\. A batch is cancelled as one: cancel it again/);
    expect(await typesIn(batchOf(2))).toEqual(['batch.closed']);
    expect(await typesIn(deliveryStream(id))).toEqual([]);
    shown = [[m2], [m1, m3]];
    await cancel();
    expect(await typesIn(batchOf(2))).toEqual(['batch.closed', 'batch.cancelled']);
  });
  it('sees a batch that was closed just now, though the views show it only then', async () => {
    await close(1, m1, m2);
    meanwhile = async () => void (shown = [[m1, m2]]);
    await expect(cancel()).rejects.toThrow(/a batch with one other/);
    expect(await typesIn(batchOf(1))).toEqual(['batch.closed']);
  });
  it('cancels the batch that it is alone in', async () => {
    await close(1, m1);
    meanwhile = async () => void (shown = [[m1]]);
    await cancel();
    expect(await typesIn(batchOf(1))).toEqual(['batch.closed', 'batch.cancelled']);
  });
  it('says how its batch has ended', async () => {
    await close(1, m1);
    await execute(1, { type: 'RecordSuccess', record: record(1), subject: { organizationId, endpointId, size: 1 } });
    await expect(cancel()).rejects.toThrow('The delivery has succeeded already; only one that is still open can be cancelled.');
  });
});
