// Several replicas on one table: here each has the table open as a process of its own would.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { postgresUrl } from '../../../test/support/databases.ts';
import { dropSchemasOfGuest, newPrefix, withPostgres } from '../../../test/support/postgres.ts';
import { subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../../domain/ids.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { PostgresDatabase } from '../../read-models/engine/database/postgres.ts';
import { ReleaseEndpoint, ScheduleAttempt } from '../saga/saga-commands.ts';
import type { ClaimRequest, DueAttemptsListener } from './due-attempts.ts';
import { createDueAttempts, type DueAttemptsSchema } from './due-attempts-table.ts';
import { LeasedDueAttempts } from './leased-due-attempts.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
type Options = Partial<{
  endpointId: EndpointId;
  dueAt: number;
  number: number;
  failures: number;
  test: boolean;
  by: ScheduleAttempt['requestedBy'];
}>;
const attempt = (id: string, { endpointId = e1, dueAt = 1000, number = 2, failures = 1, test = false, by }: Options = {}) => {
  const of = { ...subject, endpointId, ...(test ? { test: true as const } : {}) };
  return new ScheduleAttempt(id as DeliveryId, of, number, failures, number - 2, dueAt, { causationId: 'event' }, undefined, 0, by);
};
const all: ClaimRequest = { limit: 10, tracked: { size: 0 } };

let url: string;
let prefix: string;
const closing: (() => Promise<void>)[] = [];
/** What the log holds of a delivery after the revision that an attempt is due at. */
const history = vi.fn<() => RecordedEvent[]>();
/** How long an attempt may take, and so how long leases are. */
let timeoutMs: number;

const replica = async (name: string) => {
  const database = new PostgresDatabase({ url, prefix, shared: true }, { warn: () => undefined });
  const namespace: Tables<DueAttemptsSchema> = await database.open('due', 1, createDueAttempts);
  const due = new LeasedDueAttempts(
    name,
    () => namespace,
    { readStream: async () => history(), tip: async () => undefined },
    () => ({ gatheringMs: 0, timeoutMs }),
  );
  const taker = {
    isTracked: vi.fn<DueAttemptsListener['isTracked']>().mockReturnValue(false),
    attemptsDue: vi.fn<DueAttemptsListener['attemptsDue']>(),
    checkAllLanes: vi.fn<DueAttemptsListener['checkAllLanes']>(),
    attemptsCancelled: vi.fn<DueAttemptsListener['attemptsCancelled']>(),
    endpointsHeld: vi.fn<DueAttemptsListener['endpointsHeld']>(),
    circuitsChanged: vi.fn<DueAttemptsListener['circuitsChanged']>(),
    slotsFreed: vi.fn<DueAttemptsListener['slotsFreed']>(),
    slotsWanted: vi.fn<DueAttemptsListener['slotsWanted']>(),
  };
  due.attach(taker);
  const { group } = namespace;
  if (!group) throw new Error('It is shared.');
  group.listen({ onMessage: (what) => due.receive(what) });
  const holds = await group.acquireLeadership();
  closing.push(async () => {
    due.stop();
    await namespace.close();
  });
  const ids = async (wanted = all) => (await due.claim(e1, wanted)).attempts.map(({ id }) => id as string);
  return { due, taker, namespace, holds, ids };
};
type Replica = Awaited<ReturnType<typeof replica>>;

let host: Replica;
let other: Replica;
const write = (...attempts: ScheduleAttempt[]) =>
  host.namespace
    .transaction(async (tx) => {
      await host.due.schedule(attempts, tx);
      await host.due.announce([], tx);
    })
    .then(() => host.due.committed(attempts));
const open = (isOpen = true) => host.namespace.transaction((tx) => host.due.allowClaims(isOpen, tx));
const rows = () => host.namespace.read.selectFrom('due_attempts').selectAll().orderBy('id').execute();
/** As time does it. */
const endLeases = () => withPostgres(url, (client) => client.query(`UPDATE ${prefix}_due_1.due_attempts SET ready_at = 0`));

beforeEach(async () => {
  url = await postgresUrl();
  prefix = newPrefix();
  timeoutMs = 60_000;
  history.mockReset().mockReturnValue([]);
  host = await replica('host');
  other = await replica('other');
  await open();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await dropSchemasOfGuest(url, prefix);
});

it('one of them writes', () => expect([host.holds, other.holds]).toEqual([true, false]));

describe('a claim', () => {
  it('takes the oldest that are due, and no more than asked for; nobody else gets them', async () => {
    const later = Date.now() + 60_000;
    await write(attempt('a', { dueAt: 3 }), attempt('b', { dueAt: 1 }), attempt('c', { dueAt: 2 }), attempt('d', { dueAt: later }));
    const claimed = await other.due.claim(e1, { ...all, limit: 2 });
    expect(claimed).toEqual({ attempts: [attempt('b', { dueAt: 1 }), attempt('c', { dueAt: 2 })], more: true });
    expect(await host.due.claim(e1, all)).toEqual({ attempts: [attempt('a', { dueAt: 3 })], more: false });
    expect(await other.ids()).toEqual([]);
  });

  it('gives each to one, however many claim at one time', async () => {
    await write(...Array.from({ length: 40 }, (_, i) => attempt(`a${i}`)));
    const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? host : other).ids()));
    const taken = claims.flat();
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length + (await host.ids({ ...all, limit: 40 })).length).toBe(40);
  });

  it('takes tests alone for an endpoint that is held', async () => {
    await write(attempt('a'), attempt('t', { test: true }));
    expect(await other.ids({ ...all, only: 'tests' })).toEqual(['t']);
  });

  it('takes alone what a person waits for where nothing else may go, and no one else gets it', async () => {
    await write(attempt('a'), attempt('t', { test: true }), attempt('p', { by: 'person' }), attempt('q', { by: 'bulk-retry' }));
    expect((await other.due.dueSince(0)).urgent).toEqual([e1]);
    const claimed = await Promise.all([host, other].map((each) => each.ids({ ...all, only: 'urgent' })));
    expect(claimed.flat().toSorted()).toEqual(['p', 't']);
    expect((await other.due.dueSince(0)).urgent).toEqual([]);
  });

  it('takes nothing while the host that took over catches up', async () => {
    await write(attempt('a'));
    await open(false);
    expect(await other.ids()).toEqual([]);
    await open();
    expect(await other.ids()).toEqual(['a']);
    await waitFor(() => expect(other.taker.checkAllLanes).toHaveBeenCalled());
  });

  it('leaves alone what the host has under way already', async () => {
    host.taker.isTracked.mockImplementation(({ id }) => id === 'hot');
    await write(attempt('hot'), attempt('cold'));
    expect(await other.ids()).toEqual(['cold']);
    expect((await rows()).map(({ id, leased_by }) => [id, leased_by])).toEqual([
      ['cold', 'other'],
      ['hot', 'host'],
    ]);
  });
});

describe('a lease', () => {
  it('that ran out gives the attempt to another, unless the log has it recorded already', async () => {
    await write(attempt('a'));
    expect(await other.ids()).toEqual(['a']);
    await endLeases();
    history.mockReturnValueOnce([{} as RecordedEvent]);
    expect(await host.ids()).toEqual([]);
    await endLeases();
    expect(await host.ids()).toEqual(['a']);
  });

  it('is long enough for an attempt, or is prolonged right before it is sent, or it is not sent', async () => {
    await write(attempt('a'));
    const [claimed] = (await other.due.claim(e1, all)).attempts;
    if (!claimed) throw new Error('It was due.');
    expect(other.due.mayBeSent(claimed)).toBe(true);
    timeoutMs = 70_000; // longer than when it was claimed
    const [before] = await rows();
    expect(await other.due.mayBeSent(claimed)).toBe(true);
    const [after] = await rows();
    expect(after?.ready_at).toBeGreaterThan((before?.ready_at ?? 0) + 5_000);

    timeoutMs = 80_000;
    await endLeases();
    expect(await host.ids()).toEqual(['a']);
    expect(await other.due.mayBeSent(claimed)).toBe(false);
    expect(await other.due.mayBeSent(claimed)).toBe(false);
  });

  it('is prolonged for as long as its attempt is under way', async () => {
    timeoutMs = -3_000; // ends in 3 s
    await write(attempt('a'));
    await other.ids();
    const [before] = await rows();
    other.taker.isTracked.mockReturnValue(true);
    await waitFor(async () => expect((await rows())[0]?.ready_at).toBeGreaterThan(before?.ready_at ?? 0));
  });

  it('that is given back is at hand for others, who are told, at once', async () => {
    await write(attempt('a'));
    const { attempts } = await other.due.claim(e1, all);
    host.taker.attemptsDue.mockClear();
    await other.due.unclaim(attempts);
    await waitFor(() => expect(host.taker.attemptsDue).toHaveBeenCalledWith([e1], undefined, false));
    expect(await host.ids()).toEqual(['a']);
  });

  it('of what was given up while it was written is given back at once', async () => {
    host.taker.isTracked.mockReturnValueOnce(true); // and not any more when it is committed
    await write(attempt('a'));
    await waitFor(async () => expect(await other.ids()).toEqual(['a']));
  });

  it('ends with what follows: any replica may take the next attempt', async () => {
    await write(attempt('a'));
    const { attempts } = await other.due.claim(e1, all);
    expect(attempts.map((each) => other.due.outcomeRecorded(each))).toEqual([true]);
    await write(attempt('a', { number: 3, failures: 2 }));
    expect(await host.ids()).toEqual(['a']);
  });

  it('stands when a person asks for an attempt that is under way', async () => {
    await write(attempt('a'));
    await other.ids();
    await write(attempt('a', { failures: 0 }));
    expect(await host.ids()).toEqual([]);
  });

  it('is no claim: one that was heard of before it had a row may be sent', () => {
    expect(host.due.mayBeSent(attempt('x'))).toBe(true);
    expect(host.due.isClaimed(attempt('x'))).toBe(false);
    expect(host.due.outcomeRecorded(attempt('x'))).toBe(false);
  });
});

describe('other replicas are told', () => {
  it('what is due, and when the next will be', async () => {
    const next = Date.now() + 60_000;
    await write(attempt('a'), attempt('b', { endpointId: e2 }), attempt('c', { dueAt: next }));
    await waitFor(() => expect(other.taker.attemptsDue).toHaveBeenCalledOnce());
    const [endpoints, nextAt] = other.taker.attemptsDue.mock.calls[0] ?? [];
    expect([...(endpoints ?? [])].sort()).toEqual([e1, e2]);
    expect(Math.abs((nextAt ?? 0) - next)).toBeLessThan(5_000);
    expect(host.taker.attemptsDue).not.toHaveBeenCalled();
  });

  it('that a person waits for it', async () => {
    await write(attempt('a'), attempt('b', { endpointId: e2, by: 'person' }));
    await waitFor(() => expect(other.taker.attemptsDue).toHaveBeenCalledTimes(2));
    expect(other.taker.attemptsDue.mock.calls).toEqual([
      [[e1], undefined, undefined],
      [[e2], undefined, true],
    ]);
  });

  it('to look everywhere where the list would be too long', async () => {
    other.taker.checkAllLanes.mockClear();
    await write(...Array.from({ length: 2000 }, (_, i) => attempt(`a${i}`, { endpointId: `e${i}`.padEnd(36, '-') as EndpointId })));
    await waitFor(() => expect(other.taker.checkAllLanes).toHaveBeenCalled());
  });

  it('what was cancelled', async () => {
    const ids = Array.from({ length: 400 }, (_, i) => `d${i}`.padEnd(36, '-') as DeliveryId);
    await host.namespace.transaction((tx) => host.due.announce([{ endpointId: e1, ids, cancelled: true }], tx));
    await waitFor(() => expect(other.taker.attemptsCancelled.mock.calls.flatMap(([, told]) => told)).toEqual(ids));
  });

  it('of an endpoint that is gone: all that waits for it is due, but what is under way', async () => {
    const later = Date.now() + 60_000;
    await write(attempt('taken'), attempt('waits', { dueAt: later }));
    await other.ids();
    await host.namespace.transaction(async (tx) => {
      await host.due.releaseEndpoint(new ReleaseEndpoint(e1, Date.now() - 1000, { causationId: 'deleted' }), tx);
      await host.due.announce([], tx);
    });
    expect(await other.ids()).toEqual(['waits']);
    await waitFor(() => expect(other.taker.attemptsDue).toHaveBeenLastCalledWith([e1], undefined, undefined));
  });
});

it('says to which endpoints something became due, leases that ran out among them, and when the next does', async () => {
  const later = Date.now() + 60_000;
  await write(attempt('a'), attempt('b', { endpointId: e2, dueAt: later }));
  const first = await other.due.dueSince(0);
  expect(first.endpoints).toEqual([e1]);
  expect(Math.abs((first.nextAt ?? 0) - later)).toBeLessThan(5_000);
  expect((await other.due.dueSince(first.until)).endpoints).toEqual([]);
  await other.ids();
  await withPostgres(url, (client) =>
    client.query(`UPDATE ${prefix}_due_1.due_attempts SET ready_at = $1 WHERE leased_by IS NOT NULL`, [first.until + 1]),
  );
  expect((await other.due.dueSince(first.until)).endpoints).toEqual([e1]);
});
