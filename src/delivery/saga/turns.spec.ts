// The turns of ordered deliveries, against a model: random events, cut into batches at random, received ahead of what is committed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeliveryId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { SqliteDatabase } from '../../read-models/engine/database/sqlite.ts';
import { createDueAttempts, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import { DeliverySaga } from './delivery-saga.ts';
import type { ScheduleAttempt } from './saga-commands.ts';
import { SagaHost } from './saga-host.ts';
import { turnCacheLimits, type TurnCacheLimits } from './turn-cache.ts';
import { TurnsAhead } from './turns-ahead.ts';
import { Model } from './given.ts';

const { constantFrom, integer, nat, oneof, record: all, option } = fc;
const step = oneof(
  {
    weight: 6,
    arbitrary: all({ do: fc.constant('accept' as const), endpoint: integer({ min: 1, max: 2 }), key: option(nat(2), { nil: undefined }) }),
  },
  {
    weight: 6,
    arbitrary: all({ do: fc.constant('attempt' as const), n: nat(), how: constantFrom('succeeded', 'failed', 'exhausted', 'held') }),
  },
  { weight: 2, arbitrary: all({ do: fc.constant('person' as const), n: nat(), what: constantFrom('cancel', 'retry') }) },
  {
    weight: 1,
    arbitrary: all({
      do: fc.constant('batch' as const),
      endpoint: integer({ min: 1, max: 2 }),
      size: integer({ min: 1, max: 5 }),
      cancelled: nat(2),
    }),
  },
  { weight: 1, arbitrary: all({ do: fc.constant('late' as const), n: nat(), what: constantFrom('cancel', 'retry', 'succeeded') }) },
  { weight: 4, arbitrary: all({ do: fc.constant('receive' as const) }) },
  { weight: 2, arbitrary: all({ do: fc.constant('commit' as const), count: integer({ min: 1, max: 20 }) }) },
  { weight: 1, arbitrary: all({ do: constantFrom('restart' as const, 'rebuilt' as const) }) },
);

/** So small that most of the queues are in the table only. */
const tiny: TurnCacheLimits = { turns: 6, perQueue: 2, messages: 1, read: 2, low: 1 };

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe('turns', () => {
  let folder: string;
  let opened = 0;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'turns-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('come one after the other by the log, in the table and ahead of it, wherever the log is cut and the process ends', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 120, size: 'max' }),
        option(integer({ min: 1, max: 2 })),
        constantFrom(turnCacheLimits, tiny),
        async (steps, deletes, limits) => {
          const tables = await new SqliteDatabase(folder, { warn: () => {} }).open<DueAttemptsSchema>(`t${opened++}`, 1, createDueAttempts);
          try {
            await run(tables, steps, deletes, limits);
          } finally {
            await tables.close();
          }
        },
      ),
      { numRuns: 150, interruptAfterTimeLimit: 40_000 },
    ));

  const run = async (tables: Tables<DueAttemptsSchema>, steps: readonly Step[], deletes: number | null, limits: TurnCacheLimits) => {
    const model = new Model();
    const wrong: string[] = [];
    let offered: ScheduleAttempt[] = [];
    const dispatcher = {
      offer: (attempt: ScheduleAttempt) => offered.push(attempt),
      committed: () => undefined,
      endpointsHeld: () => undefined,
      circuitsChanged: () => undefined,
      acceptOffers: () => undefined,
      refuseOffers: () => undefined,
    };
    const due = new OwnDueAttempts(
      () => tables.read,
      () => 2_000_000_000_000,
    );
    const newHost = () => new SagaHost(new DeliverySaga(), { execute: async () => undefined }, due, dispatcher, new TurnsAhead(limits));
    let host = newHost();
    host.onCaughtUp();
    let [received, committed] = [0, 0];
    let waiting: ReturnType<SagaHost['receive']>[] = [];
    const receive = (live = true) => {
      for (const event of model.events.slice(received)) {
        offered = [];
        waiting.push(host.receive(event, live));
        received++;
        check();
      }
    };
    /** What is offered has the turn by all that was received. Only the last event is known to the model by then. */
    const check = () => {
      if (received < model.events.length) return;
      const mayGo = new Set(model.due());
      for (const { id } of offered) if (!mayGo.has(id as DeliveryId)) wrong.push(`${id} was offered after event ${received}`);
    };
    const commit = async (count: number) => {
      const batch = waiting.slice(0, count);
      const last = batch.at(-1);
      if (!last) return;
      await tables.transaction((tx) => host.apply(batch, tx), last.position);
      offered = [];
      host.onCommitted(batch);
      check();
      waiting = waiting.slice(batch.length);
      committed += batch.length;
    };
    for (const each of steps) {
      if (each.do === 'accept') model.accept(each.endpoint, each.key);
      if (each.do === 'attempt') model.attempt(each.n, each.how);
      if (each.do === 'person') model.person(each.n, each.what);
      if (each.do === 'batch') model.batch(each.endpoint, each.size, each.cancelled);
      if (each.do === 'late') model.late(each.n, each.what);
      if (each.do === 'receive' || each.do === 'accept') receive();
      if (each.do === 'commit') await commit(each.count);
      if (each.do === 'restart') {
        host = newHost();
        waiting = [];
        received = committed;
        receive(false);
        await commit(waiting.length);
        host.onCaughtUp();
      }
      if (each.do === 'rebuilt') {
        // Other tables with the same rows: the host catches them up by events that it has seen, while others wait.
        host.clearCache();
        for (const event of model.events.slice(0, committed)) host.receive(event, false);
        await tables.transaction((tx) => host.onTermStart(tx));
      }
    }
    if (deletes !== null) model.delete(deletes);
    receive();
    await commit(waiting.length);
    const idsIn = async (table: 'due_attempts' | 'ordered_deliveries') =>
      (await tables.read.selectFrom(table).select('id').execute()).map(({ id }) => id as DeliveryId).toSorted();
    expect(wrong).toEqual([]);
    expect(await idsIn('due_attempts')).toEqual(model.due());
    expect(await idsIn('ordered_deliveries')).toEqual(model.ordered());
  };
});
