import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { accepted, record, recorded } from '../../../test/support/samples.ts';
import type { BatchEvent } from '../../domain/batch.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import { LogUnavailable, type RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { SqliteDatabase } from '../../read-models/engine/database/sqlite.ts';
import { DeliverySaga } from './delivery-saga.ts';
import { DisableGoneEndpoint, DropAttempt, type ScheduleAttempt } from './saga-commands.ts';
import { createDueAttempts, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import { SagaHost, rowsOnlySagaHost } from './saga-host.ts';
import { subjectOf, of, history } from '../../../test/support/given-history.ts';

const e1 = 'e1' as EndpointId;
const message = (id: string, position: number, notBefore?: string, to = [e1]) =>
  recorded(accepted(to.map((endpointId) => ({ endpointId, ...(notBefore === undefined ? {} : { notBefore }) }))), {
    stream: `message-${id}`,
    position,
  });
const success = (id: string, position: number) =>
  recorded({ type: 'delivery.attempt-succeeded', data: { ...subjectOf(id), ...record(1) } }, { stream: of(subjectOf(id)), position });
const gone = (id: string, position: number) => {
  const failure = {
    failure: 'HTTP_STATUS',
    error: 'Gone',
    failuresInSeries: 1,
    responseCode: 410,
    retryAt: '2030-01-01T00:00:00.000Z',
  } as const;
  const data = { ...subjectOf(id), ...record(1), ...failure };
  return recorded({ type: 'delivery.attempt-failed', data }, { stream: of(subjectOf(id)), position });
};
const deleted = (position: number, id = e1) =>
  recorded({ type: 'endpoint.deleted', data: {} }, { stream: `endpoint-${id}`, position, recordedAt: '2026-01-02T00:00:00.000Z' });

describe('the saga host', () => {
  let folder: string;
  const open: Tables<DueAttemptsSchema>[] = [];
  const execute = vi.fn<(command: unknown) => Promise<void>>();
  const dispatcher = {
    offer: vi.fn<() => void>(),
    committed: vi.fn<() => void>(),
    endpointsHeld: vi.fn<() => void>(),
    circuitsChanged: vi.fn<() => void>(),
    acceptOffers: vi.fn<() => void>(),
    refuseOffers: vi.fn<() => void>(),
  };
  const due = new OwnDueAttempts(
    () => {
      throw new Error('The host does not read.');
    },
    () => Date.now(),
  );
  const host = () => new SagaHost(new DeliverySaga(), { execute }, due, dispatcher);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'saga-host-'));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 5, 1) });
    vi.resetAllMocks();
    execute.mockResolvedValue();
  });
  afterEach(async () => {
    vi.useRealTimers();
    for (const namespace of open.splice(0)) await namespace.close();
    rmSync(folder, { recursive: true });
  });

  let tables = 0;
  const table = async () => {
    const namespace = await new SqliteDatabase(folder, { warn: () => {} }).open<DueAttemptsSchema>(`t${tables++}`, 1, createDueAttempts);
    open.push(namespace);
    return namespace;
  };
  const rows = (namespace: Tables<DueAttemptsSchema>) => namespace.read.selectFrom('due_attempts').selectAll().orderBy('id').execute();
  /** Without what a process adds by its own clock. */
  const ofTheLog = (row: DueAttemptsSchema['due_attempts']) => ({ ...row, due_at: 0, ready_at: 0, leased_by: null });
  /** As the runner does, when the log held them at the start. */
  const received = (batch: readonly RecordedEvent[], by = host()) => batch.map((event) => by.receive(event, false));
  const apply = (namespace: Tables<DueAttemptsSchema>, batch: readonly RecordedEvent[], to = host()) =>
    namespace.transaction((tx) => to.apply(received(batch, to), tx), batch.at(-1)?.position);

  it('writes what is due when its tables are rebuilt, and does nothing else', async () => {
    const batch = [message('m1', 1), message('m2', 2), success('m2', 3), message('m3', 4), gone('m3', 5)];
    const [live, rebuilt] = [await table(), await table()];
    await apply(live, batch);
    const rebuilding = rowsOnlySagaHost();
    await rebuilt.transaction((tx) => rebuilding.applyRowsOnly(received(batch, rebuilding), tx), batch.at(-1)?.position);
    expect((await rows(rebuilt)).map(ofTheLog)).toEqual((await rows(live)).map(ofTheLog));
    expect(await rows(rebuilt)).toHaveLength(2);
    expect(execute).toHaveBeenCalledTimes(1);
  });

  it('writes what is due', async () => {
    const namespace = await table();
    await apply(namespace, [message('m1', 1)]);
    expect(await rows(namespace)).toMatchObject([
      { message_id: 'm1', endpoint_id: e1, attempt: 1, revision: -1, due_at: Date.UTC(2026, 0, 1, 12) },
    ]);
    await apply(namespace, [success('m1', 2)]);
    expect(await rows(namespace)).toEqual([]);
  });

  it('writes no row for a delivery that begins and ends in one batch', async () => {
    const namespace = await table();
    const written: string[] = [];
    await namespace.transaction((tx) => {
      const watched = {
        kysely: tx.kysely,
        upsert: async (_: string, __: unknown, upserted: readonly { message_id: string }[]) =>
          void written.push(...upserted.map((row) => row.message_id)),
        delete: async (_: string, __: string, ids: readonly string[]) => void written.push(...ids),
      };
      return host().apply(received([message('m1', 1), message('m2', 2), success('m1', 3)]), watched as unknown as typeof tx); // what it uses of it
    });
    expect(written).toEqual(['m2']);
  });

  it('tells the dispatcher what it wrote, once that is committed', async () => {
    const namespace = await table();
    const one = host();
    const batch = [message('m1', 1), message('m2', 2), success('m1', 3)];
    await apply(namespace, batch, one);
    expect(dispatcher.committed).not.toHaveBeenCalled();
    const applied = received(batch, one);
    one.onCommitted(applied);
    expect(dispatcher.committed).toHaveBeenCalledWith(applied, [expect.objectContaining({ subject: subjectOf('m2') })]);
  });

  it('releases what waits for an endpoint that is deleted, and nothing else', async () => {
    const later = '2027-01-01T00:00:00.000Z';
    const events = [message('m1', 1, later), message('m2', 2, later, ['e2' as EndpointId]), deleted(3)];
    for (const batches of [[events], events.map((event) => [event])]) {
      const namespace = await table();
      for (const batch of batches) await apply(namespace, batch);
      const due = (await rows(namespace)).map(({ endpoint_id, due_at }) => [endpoint_id, new Date(due_at).toISOString()]);
      expect(new Map(due.map(([id, at]) => [id, at]))).toEqual(
        new Map([
          ['e1', '2026-01-02T00:00:00.000Z'],
          ['e2', later],
        ]),
      );
    }
  });

  it('disables an endpoint that is gone before the checkpoint moves', async () => {
    const namespace = await table();
    execute.mockImplementation(async () => expect(await namespace.checkpoint()).toBeUndefined());
    await apply(namespace, [gone('m1', 1)]);
    expect(execute.mock.calls).toEqual([[expect.any(DisableGoneEndpoint)]]);
    expect(await namespace.checkpoint()).toBe('000000000001');
  });

  it('tries again while the log is away, and does not move on when the command fails', async () => {
    const namespace = await table();
    execute.mockRejectedValueOnce(new LogUnavailable('The disk is full.'));
    await apply(namespace, [gone('m1', 1)]);
    expect(execute).toHaveBeenCalledTimes(2);
    execute.mockRejectedValueOnce(new Error('broken'));
    await expect(apply(namespace, [gone('m2', 2)])).rejects.toThrow('broken');
    expect(await namespace.checkpoint()).toBe('000000000001');
    expect(await rows(namespace)).toHaveLength(1);
  });

  it('offers what is due at once, and only what is live', () => {
    received([message('m1', 1)]);
    expect(dispatcher.offer).not.toHaveBeenCalled();
    const one = host();
    for (const event of [message('m1', 1), message('m2', 2, '2999-01-01T00:00:00.000Z'), success('m1', 3)]) one.receive(event, true);
    expect(dispatcher.offer.mock.calls).toEqual([
      [expect.objectContaining({ subject: subjectOf('m1'), messages: [expect.objectContaining({ stream: 'message-m1' })] })],
    ]);
  });

  it('keeps no message of what waits to be applied, and tells what an event says of attempts at hand', () => {
    const closed: BatchEvent = {
      type: 'batch.closed',
      data: { organizationId: subjectOf('').organizationId, endpointId: e1, number: 1, messages: ['m1' as MessageId] },
    };
    const [kept, succeeded, batch] = received([message('m1', 1), success('m1', 2), recorded(closed, { stream: 'batch-b1' })]);
    expect(kept?.commands).toMatchObject([{ subject: subjectOf('m1'), messages: undefined }]);
    const id = deliveryIdOf('m1' as MessageId, e1);
    expect(succeeded?.progress).toEqual({ endpointId: e1, ids: [id], cancelled: false });
    expect(batch?.progress).toEqual({ endpointId: e1, ids: ['b1', id], cancelled: false });
  });

  it('stops at an event on which the saga throws, and goes on with the next', async () => {
    const saga = {
      decide: (event: RecordedEvent) => {
        if (event.stream === 'message-bad') throw new Error('a defect');
        return [new DropAttempt(deliveryIdOf(subjectOf('m1').messageId, e1))];
      },
    };
    const one = new SagaHost(saga, { execute }, due, dispatcher);
    const kept = [message('bad', 1), message('m2', 2)].map((event) => one.receive(event, true));
    const namespace = await table();
    await expect(namespace.transaction((tx) => one.apply(kept, tx))).rejects.toThrow('a defect');
    await namespace.transaction((tx) => one.apply(kept.slice(1), tx));
    expect(kept[1]?.commands).toEqual([expect.any(DropAttempt)]);
  });

  it('counts the delay from when it learned of the failure, however the clocks are set', () => {
    const dueAfter = (clocks: { recordedAt?: string; startedAt: string; retryAt: string }, live: boolean) => {
      const { recordedAt, ...times } = clocks;
      const failure = { failure: 'TIMEOUT', error: 'x', failuresInSeries: 1 } as const;
      const data = { ...subjectOf('m1'), ...record(1), ...failure, ...times };
      const event = recorded(
        { type: 'delivery.attempt-failed', data },
        { stream: of(subjectOf('m1')), ...(recordedAt === undefined ? {} : { recordedAt }) },
      );
      const [attempt] = host().receive(event, live).commands;
      return ((attempt as ScheduleAttempt).dueAt - Date.now()) / 1000; // what follows from a failure with a retry
    };
    const at = (time: string) => `2026-${time}Z`; // it is the 1st of June, 00:00:00
    // The attempt took a second, and the delay is 30 s.
    const decided = { startedAt: at('06-01T00:00:00.000'), retryAt: at('06-01T00:00:31.000') };
    const ahead = { startedAt: at('06-01T01:00:00.000'), retryAt: at('06-01T01:00:31.000') };
    const behind = { startedAt: at('05-31T23:00:00.000'), retryAt: at('05-31T23:00:31.000') };
    for (const clocks of [decided, ahead, behind]) expect(dueAfter(clocks, true)).toBe(30);
    expect(dueAfter({ ...decided, recordedAt: at('07-01T00:00:00.000') }, true)).toBe(30);
    // Read after a restart: no later than the delay.
    expect(dueAfter(ahead, false)).toBe(30);
    expect(dueAfter({ startedAt: at('05-31T23:59:49.000'), retryAt: at('06-01T00:00:20.000') }, false)).toBe(20);
    expect(dueAfter(behind, false)).toBeLessThan(0);
  });

  it('lets the dispatcher start when the table shows what the log held', () => {
    host().onCaughtUp();
    expect(dispatcher.acceptOffers).toHaveBeenCalledOnce();
  });

  it('leaves the same table however the log is cut into batches', async () => {
    const command = fc.record({
      message: fc.nat(3),
      endpoint: fc.nat(1),
      what: fc.constantFrom('success', 'failure', 'retry', 'cancel', 'delete'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }),
        async (commands, sizes) => {
          const events = history(commands);
          const [whole, parts] = [await table(), await table()];
          if (events.length > 0) await apply(whole, events);
          const one = host();
          for (let at = 0, i = 0; at < events.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            await apply(parts, events.slice(at, at + size), one);
            at += size;
          }
          expect(await rows(parts)).toEqual(await rows(whole));
        },
      ),
      { numRuns: 25 },
    );
  });
});
