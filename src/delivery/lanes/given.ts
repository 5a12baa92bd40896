// Given a dispatcher whose surroundings a spec plays: the fixture of the specs of this folder.
import { vi } from 'vitest';
import { dueCause, recorded, record, subject as someone } from '../../../test/support/samples.ts';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { EndpointStatus } from '../../domain/endpoint.ts';
import type { DeliveryId, EndpointId, Position } from '../../domain/ids.ts';
import type { AttemptResult, CircuitView } from '../attempts/attempt-runner.ts';
import type { BatchedDeliveries } from '../attempts/batch-closer.ts';
import { progressIn } from '../saga/delivery-progress.ts';
import type { CircuitGate } from '../due-attempts/circuit-gates.ts';
import type { ClaimRequest, ClaimResult, DueEndpoints } from '../due-attempts/due-attempts.ts';
import { isTest, ScheduleAttempt, type HoldEndpoint } from '../saga/saga-commands.ts';
import { Dispatcher, type AppliedEvent, type DispatcherOptions } from './dispatcher.ts';
import type { LaneBatches, LaneDirectory, LaneDueAttempts, LaneRunner, LaneSlots } from './lane-context.ts';

export const at = (n: number) => String(n).padStart(12, '0') as Position;
export const attempt = (id: string, endpoint = 'e1', { dueAt = 0, number = 1, test = false } = {}) => {
  const subject = { ...someone, endpointId: endpoint as EndpointId, ...(test ? { test: true as const } : {}) };
  return new ScheduleAttempt(id as DeliveryId, subject, number, 0, 'no-stream', dueAt, dueCause);
};
/** An event as the saga host passes it on. */
export const appliedEvent = (...of: Parameters<typeof recorded>): AppliedEvent => {
  const event = recorded(...of);
  return { ...event, progress: progressIn(event) };
};
/** The event that records an attempt's success. */
export const outcomeEvent = ({ id }: ScheduleAttempt, position: number) =>
  appliedEvent({ type: 'delivery.attempt-succeeded', data: { ...someone, ...record(1) } }, { stream: `delivery-${id}`, position });

/** A dispatcher whose table, directory, runner and batch closer the test plays. Long, as each of them is an object of its own. */
export const givenDispatcher = (options: Partial<DispatcherOptions> = {}, slots?: LaneSlots) => {
  const rows = new Map<string, ScheduleAttempt>();
  const status = new Map<string, EndpointStatus>();
  const deleted = new Set<string>();
  const batch = new Map<string, EndpointSettings['batch']>();
  const closed: { of: string[]; end: (left?: number, followers?: readonly ScheduleAttempt[]) => void; fail: (error: Error) => void }[] = [];
  type End = (result?: Partial<AttemptResult>) => void;
  const sent: { attempt: ScheduleAttempt; answered: () => void; circuit: CircuitView; end: End; fail: (error: Error) => void }[] = [];
  const log = { info: vi.fn<() => void>(), warn: vi.fn<() => void>(), error: vi.fn<() => void>() };
  let changed: (id: EndpointId) => void = () => undefined;
  let slow: Promise<void> | undefined;
  const reads: string[] = [];
  const held: HoldEndpoint[] = [];
  const gates: CircuitGate[] = [];
  const due: LaneDueAttempts = {
    isShared: false,
    now: () => Date.now(),
    attach: () => undefined,
    mayBeSent: () => true,
    outcomeRecorded: () => false,
    isClaimed: () => true,
    unclaim: async () => undefined,
    heldEndpoints: async () => held,
    circuitGates: async () => gates,
    mayProbe: () => true,
    claim: async (id: EndpointId, { limit, only, tracked }: ClaimRequest): Promise<ClaimResult> => {
      reads.push(id);
      const most = limit + tracked.size;
      const mine = [...rows.values()].filter(
        ({ subject, dueAt, isUrgent }) =>
          subject.endpointId === id && dueAt <= Date.now() && (!only || isTest(subject) || (only === 'urgent' && isUrgent)),
      );
      const read = mine.sort((a, b) => a.dueAt - b.dueAt).slice(0, most);
      await slow;
      return { attempts: read, more: read.length === most };
    },
    dueSince: async (after: number): Promise<DueEndpoints> => {
      const until = Date.now();
      const due = [...rows.values()].filter(({ dueAt }) => dueAt > after && dueAt <= until);
      const later = [...rows.values()].map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > until);
      const endpointsOf = (attempts: readonly ScheduleAttempt[]) => [...new Set(attempts.map(({ subject }) => subject.endpointId))];
      const urgent = endpointsOf(due.filter(({ isUrgent }) => isUrgent));
      return { endpoints: endpointsOf(due), urgent, until, nextAt: later.sort((a, b) => a - b)[0] };
    },
  };
  const directory: LaneDirectory = {
    onEndpointChanged: (listener: typeof changed) => (changed = listener),
    isHeld: (id: EndpointId) => (status.get(id) ?? 'ENABLED') !== 'ENABLED',
    organizations: { size: 1 },
    endpoint: (id: EndpointId) =>
      deleted.has(id)
        ? undefined
        : {
            configuration: {
              organizationId: someone.organizationId,
              settings: { batch: batch.get(id) ?? null, maxConcurrency: null, rateLimit: null },
            },
          },
  };
  let position = 0;
  let preparing: true | Promise<void> = true;
  const runner: LaneRunner = {
    prepare: () => preparing,
    run: (due: ScheduleAttempt, answered: () => void, circuit: CircuitView) =>
      new Promise<AttemptResult>((resolve, reject) => {
        const end = (result: Partial<AttemptResult> = {}) => resolve({ position: at(++position), receiver: 'answers', ...result });
        sent.push({ attempt: due, answered, circuit, end, fail: reject });
      }),
  };
  const closer: LaneBatches = {
    takeMessages: () => undefined,
    close: (_: EndpointId, attempts: readonly ScheduleAttempt[]) =>
      new Promise<BatchedDeliveries>((resolve, reject) => {
        const ids = attempts.map(({ id }) => id);
        const end = (left = 0, followers: readonly ScheduleAttempt[] = []) =>
          resolve({ deliveries: [...attempts.slice(0, ids.length - left), ...followers], position: at(++position) });
        closed.push({ of: ids, end, fail: reject });
      }),
  };
  const dispatcher = new Dispatcher(
    due,
    directory,
    runner,
    closer,
    { concurrency: 100, endpointConcurrency: 8, sendingTurnMs: Infinity, ...options },
    log,
    slots,
  );
  return {
    dispatcher,
    due,
    rows,
    sent,
    batch,
    closed,
    reads,
    held,
    gates,
    log,
    ids: () => sent.map((each) => each.attempt.id as string),
    /** The table gains these rows. */
    write: (...attempts: ScheduleAttempt[]) => {
      for (const each of attempts) rows.set(each.id, each);
      dispatcher.committed(
        [appliedEvent({ type: 'organization.event-type-retired', data: { name: 'x' } }, { stream: 'organization-1', position })],
        attempts,
      );
    },
    setStatus: (id: string, to: EndpointStatus) => {
      status.set(id, to);
      changed(id as EndpointId);
    },
    delete: (id: string) => {
      deleted.add(id);
      changed(id as EndpointId);
    },
    /** What the requests of all endpoints need is not there before `until`. */
    prepare: (until: Promise<void>) => {
      preparing = (async () => {
        await until;
        preparing = true;
      })();
    },
    readSlowly: (until: Promise<void>) => {
      slow = until;
    },
  };
};
export const many = (n: number, endpoint = 'e1', options = {}) =>
  Array.from({ length: n }, (_, i) => attempt(`${endpoint}-${i}`, endpoint, options));
/** Waits until everything that follows immediately has happened. */
export const allSettled = () => new Promise((resolve) => setImmediate(resolve));
