// The next delivery of a key does not wait for a transaction, where its queue is in memory.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { accepted, organizationId, record, recorded } from '../../../test/support/samples.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import { deliveryIdOf } from '../../event-store/id-generation.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { SqliteDatabase } from '../../read-models/engine/database/sqlite.ts';
import { createDueAttempts, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import { DeliverySaga } from './delivery-saga.ts';
import type { ScheduleAttempt } from './saga-commands.ts';
import { SagaHost } from './saga-host.ts';
import { turnCacheLimits, type TurnCacheLimits } from './turn-cache.ts';
import { TurnsAhead } from './turns-ahead.ts';

const endpointId = 'e1' as EndpointId;
let folder: string;
let tables: Tables<DueAttemptsSchema>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'turns-ahead-'));
  tables = await new SqliteDatabase(folder, { warn: () => {} }).open<DueAttemptsSchema>('t', 1, createDueAttempts);
});
afterEach(async () => {
  await tables.close();
  rmSync(folder, { recursive: true });
});

const given = (limits: TurnCacheLimits = turnCacheLimits) => {
  const offered: string[] = [];
  const ignore = () => undefined;
  const offer = ({ subject }: ScheduleAttempt) => offered.push('messageId' in subject ? subject.messageId : 'a batch');
  const dispatcher = {
    offer,
    committed: ignore,
    endpointsHeld: ignore,
    circuitsChanged: ignore,
    acceptOffers: ignore,
    refuseOffers: ignore,
  };
  const due = new OwnDueAttempts(
    () => tables.read,
    () => 2_000_000_000_000,
  );
  const host = new SagaHost(new DeliverySaga(), { execute: async () => undefined }, due, dispatcher, new TurnsAhead(limits));
  host.onCaughtUp();
  let position = 0;
  let waiting: ReturnType<SagaHost['receive']>[] = [];
  const happen = (event: Parameters<typeof recorded>[0], stream: string) =>
    void waiting.push(host.receive(recorded(event, { stream, position: ++position }), true));
  return {
    host,
    offered,
    happen,
    accept: (...messages: string[]) => {
      for (const id of messages) happen(accepted([{ endpointId, ordering: 'PER_KEY' }], { orderingKey: 'k' }), `message-${id}`);
    },
    succeed: (message: string) => {
      const messageId = message as MessageId;
      const data = { organizationId, messageId, endpointId, ...record(1) };
      happen({ type: 'delivery.attempt-succeeded', data }, `delivery-${deliveryIdOf(messageId, endpointId)}`);
    },
    commit: async () => {
      const batch = waiting;
      waiting = [];
      await tables.transaction((tx) => host.apply(batch, tx), batch.at(-1)?.position);
      host.onCommitted(batch);
    },
  };
};

it('offers a message of a key at once, and the next one when the log has the outcome of the one before', async () => {
  const { accept, succeed, commit, offered } = given();
  accept('m0');
  await commit(); // from now on it knows that nothing else waits
  succeed('m0');
  accept('m1', 'm2', 'm3');
  expect(offered).toEqual(['m1']);
  succeed('m1');
  expect(offered).toEqual(['m1', 'm2']);
  await commit();
  succeed('m2');
  expect(offered).toEqual(['m1', 'm2', 'm3']);
});

it('offers nothing of a key that it does not know: the next transaction gives the turn', async () => {
  const { accept, commit, offered } = given();
  accept('m1', 'm2');
  expect(offered).toEqual([]);
  await commit();
  expect(await tables.read.selectFrom('due_attempts').select('message_id').execute()).toEqual([{ message_id: 'm1' }]);
});

it('knows that a batch ends the turns in it, whatever a person does to one of its deliveries before the views show the batch', async () => {
  const { accept, succeed, happen, commit, offered } = given();
  accept('m0');
  await commit();
  succeed('m0');
  accept('m1', 'm2', 'm3');
  const of = (messageId: string) => ({ organizationId, messageId: messageId as MessageId, endpointId });
  const streamOf = (messageId: string) => `delivery-${deliveryIdOf(messageId as MessageId, endpointId)}`;
  happen({ type: 'batch.closed', data: { organizationId, endpointId, number: 1, messages: ['m1', 'm2'] as MessageId[] } }, 'batch-b1');
  happen({ type: 'delivery.retry-requested', data: { ...of('m1'), at: '2026-01-01T00:00:00.000Z', attempt: 1 } }, streamOf('m1'));
  succeed('m1');
  happen({ type: 'delivery.cancelled', data: { ...of('m2'), at: '2026-01-01T00:00:00.000Z', reason: 'x' } }, streamOf('m2'));
  expect(offered).toEqual(['m1', 'a batch']); // what was requested goes with its batch
  await commit();
  expect(offered).toEqual(['m1', 'a batch']);
  expect(await tables.read.selectFrom('due_attempts').select('id').execute()).toEqual([{ id: 'b1' }]);
  happen({ type: 'batch.attempt-succeeded', data: { organizationId, endpointId, size: 2, ...record(1) } }, 'batch-b1');
  expect(offered.at(-1)).toBe('m3');
});

it('goes on ahead of the table when rebuilt tables have taken its place', async () => {
  const { host, accept, succeed, commit, offered } = given();
  accept('m0');
  await commit();
  host.clearCache();
  await tables.transaction((tx) => host.onTermStart(tx));
  accept('m1', 'm2');
  await commit();
  succeed('m0');
  succeed('m1');
  expect(offered).toEqual(['m1', 'm2']);
});

it('looks again for what waits when it leads after another replica has', async () => {
  const [one, other] = [given(), given()];
  one.happen(accepted([endpointId]), 'message-m0');
  await one.commit();
  other.accept('m1', 'm2');
  await other.commit();
  await tables.transaction((tx) => one.host.onTermStart(tx));
  one.succeed('m1');
  await one.commit();
  expect(await tables.read.selectFrom('ordered_deliveries').select('id').execute()).toHaveLength(1);
});

it('reads a long queue from the table piece by piece, ahead of its turn', async () => {
  const { accept, succeed, commit, offered } = given({ turns: 8, perQueue: 3, messages: 1, read: 4, low: 2 });
  const messages = Array.from({ length: 12 }, (_, i) => `m${i}`);
  accept(...messages);
  await commit();
  for (const message of messages) {
    succeed(message);
    if (message !== 'm11') await commit();
  }
  expect(offered.length).toBeGreaterThan(6); // the others got their turn by the table
  expect(offered).toEqual(messages.filter((message) => offered.includes(message)));
});
