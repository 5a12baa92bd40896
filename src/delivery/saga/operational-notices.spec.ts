import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseKinds, type DatabaseUnderTest } from '../../../test/support/databases.ts';
import { accepted, organizationId, recorded, subject } from '../../../test/support/samples.ts';
import { closedCircuit, evolveCircuit, type Circuit } from '../../domain/circuit.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { CircuitGates, type CircuitTransition } from '../due-attempts/circuit-gates.ts';
import { createDueAttempts, type DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { noticeSourceIn, OperationalNotices, type NoticeSource } from './operational-notices.ts';

const e1 = 'e1' as EndpointId;
const minute = 60_000;
const own = 'own' as MessageId;
const start = Date.parse('2026-01-01T12:00:00.000Z');

/** Attempts of one endpoint, one after the other. */
class Attempts {
  private circuit: Circuit = closedCircuit;

  /** @param carrier its message */
  ended(at: number, error: string | null, carrier = 'm1' as MessageId): CircuitTransition {
    const before = this.circuit;
    const event = { type: 'attempt', outcome: { startedAt: at, endedAt: at, error, isPutOff: false, endpointRevision: 0 } } as const;
    this.circuit = evolveCircuit(before, event);
    const origin = { carrier, endpointRevision: 0, cause: { causationId: `event-${at}` } };
    return { step: { endpointId: e1, event, at, learned: { at }, origin }, before, after: this.circuit };
  }

  failed(at: number, carrier?: MessageId) {
    return this.ended(at, 'It answered 500.', carrier);
  }
}

describe.each(databaseKinds)('operational notices on $name', ({ make }) => {
  let place: DatabaseUnderTest;
  let tables: Tables<DueAttemptsSchema>;
  let notices: OperationalNotices;
  let attempts: Attempts;
  beforeEach(async () => {
    place = await make();
    tables = await place.open().open('due', 1, createDueAttempts);
    notices = new OperationalNotices();
    attempts = new Attempts();
  });
  afterEach(async () => {
    await tables.close();
    await place.discard();
  });
  const apply = (transitions: readonly CircuitTransition[], sources: readonly NoticeSource[] = []) =>
    tables.transaction((tx) => notices.apply([...transitions, ...sources], tx));
  const kinds = async (transitions: readonly CircuitTransition[], sources: readonly NoticeSource[] = []) =>
    (await apply(transitions, sources)).map(({ kind }) => kind);
  const exhausted = (messageId: MessageId, at: number, more: object = {}): NoticeSource[] => {
    const data = { ...subject, messageId, attempts: 1, at: new Date(at).toISOString(), ...more };
    const source = noticeSourceIn(recorded({ type: 'delivery.exhausted', data }, { stream: 'delivery-d1' }));
    return source ? [source] : [];
  };

  it('tell once of a receiver that fails, and once that it has recovered', async () => {
    expect(await kinds([attempts.failed(1), attempts.failed(2)])).toEqual([]);
    expect(await apply([attempts.failed(3)])).toMatchObject([
      {
        kind: 'endpoint.failing',
        endpointId: e1,
        at: 3,
        since: 1,
        reason: '3 failed attempts in a row. The last one: It answered 500.',
        cause: { causationId: 'event-3' },
      },
    ]);
    notices = new OperationalNotices(); // another start
    expect(await kinds([attempts.failed(4), attempts.failed(20 * minute)])).toEqual([]);
    expect(await apply([attempts.ended(21 * minute, null)])).toMatchObject([
      { kind: 'endpoint.recovered', since: 1, reason: 'An attempt succeeded, after 5 failed attempts in a row.' },
    ]);
    expect(await kinds([attempts.ended(22 * minute, null)])).toEqual([]);
  });

  it('tell of it as soon as a delivery has run out of attempts, however few', async () => {
    expect(await apply([attempts.failed(1)], exhausted('m1' as MessageId, 1))).toMatchObject([
      { kind: 'endpoint.failing' },
      { kind: 'delivery.exhausted', reason: 'The only attempt failed. It answered 500.', subject: { messageId: 'm1', deliveryId: 'd1' } },
    ]);
  });

  it('are the same however the log is cut into transactions', async () => {
    // The first of three deliveries runs out of attempts at once, and the next one succeeds.
    const log = [attempts.failed(1), ...exhausted('m1' as MessageId, 1), attempts.ended(2, null), attempts.failed(3)];
    const allKinds = ['endpoint.failing', 'delivery.exhausted', 'endpoint.recovered'];
    for (const cuts of [[], [1], [2], [3], [1, 2, 3]]) {
      notices = new OperationalNotices();
      const told = await tables.transaction(async (tx) => {
        await tx.kysely.deleteFrom('announcements').execute();
        await tx.kysely.deleteFrom('circuits').execute();
        const notes: string[] = [];
        for (const [i, from] of [0, ...cuts].entries()) {
          const part = log.slice(from, cuts[i]);
          const steps = part.flatMap((change) => ('step' in change ? [change.step] : []));
          await new CircuitGates().apply(steps, tx);
          notes.push(...(await notices.apply(part, tx)).map(({ kind }) => kind));
        }
        return notes;
      });
      expect(told, `cut at ${cuts.join() || 'none'}`).toEqual(allKinds);
    }
  });

  it('do not tell of what recovered before it was told of', async () =>
    expect(await kinds([attempts.failed(1), attempts.failed(2), attempts.ended(3, null)])).toEqual([]));

  it('come for each endpoint and kind at most once in ten minutes, and then while it is still so', async () => {
    const fail = (at: number) => [attempts.failed(at), attempts.failed(at + 1), attempts.failed(at + 2)];
    expect(await kinds(fail(0))).toEqual(['endpoint.failing']);
    expect(await kinds([attempts.ended(minute, null)])).toEqual(['endpoint.recovered']);
    expect(await kinds(fail(2 * minute))).toEqual([]);
    expect(await kinds([attempts.failed(9 * minute)])).toEqual([]);
    expect(await kinds([attempts.failed(11 * minute)])).toEqual(['endpoint.failing']);
    expect(
      await kinds(
        [],
        [...exhausted('m1' as MessageId, 0), ...exhausted('m2' as MessageId, minute), ...exhausted('m3' as MessageId, 10 * minute)],
      ),
    ).toEqual(['delivery.exhausted', 'delivery.exhausted']);
  });

  it('are never about operational messages, alone or in a batch', async () => {
    const message = recorded(accepted([e1], { type: 'hookledger.endpoint.failing' }), { stream: `message-${own}` });
    const closed = recorded(
      { type: 'batch.closed', data: { organizationId, endpointId: e1, number: 1, messages: ['m9' as MessageId, own] } },
      { stream: 'batch-b1' },
    );
    const sources = [message, closed].flatMap((event) => noticeSourceIn(event) ?? []);
    const batch = 'b1' as unknown as MessageId;
    expect(
      await kinds([attempts.failed(1, own), attempts.failed(2, own), attempts.failed(3, own)], [...sources, ...exhausted(own, 3)]),
    ).toEqual([]);
    notices = new OperationalNotices();
    expect(await kinds([attempts.failed(4, batch)])).toEqual([]);
    expect(await kinds([attempts.failed(5)])).toEqual(['endpoint.failing']);
  });

  it('tell that an endpoint was disabled, and why; and nothing of tests', async () => {
    const disabled = recorded({ type: 'endpoint.disabled', data: { reason: 'Gone.' } }, { stream: 'endpoint-e1' });
    const source = noticeSourceIn(disabled);
    expect(await apply([], source ? [source] : [])).toMatchObject([{ kind: 'endpoint.disabled', reason: 'Gone.', at: start }]);
    expect(exhausted('m1' as MessageId, 1, { test: true })).toEqual([]);
  });
});
