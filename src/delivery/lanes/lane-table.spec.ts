import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../../domain/ids.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import { LaneTable } from './lane-table.ts';
import { TrackedAttempts } from './tracked-attempts.ts';

const attempt = (id: string) => new ScheduleAttempt(id as DeliveryId, subject, 1, 0, 'no-stream', 0, { causationId: 'event' });
const [a, b] = [attempt('a'), attempt('b')];

describe("a lane's part of the table", () => {
  const due = new OwnDueAttempts(() => {
    throw new Error('The table is not there.');
  });
  const claim = vi.spyOn(due, 'claim');
  const onAttempt = vi.fn<(attempt: ScheduleAttempt) => void>();
  const onReady = vi.fn<() => void>();
  const onRead = vi.fn<(count: number) => void>();
  const tableOutage = { failed: vi.fn<() => void>(), over: vi.fn<() => void>() };
  let tracked: TrackedAttempts;
  let table: LaneTable;
  beforeEach(() => {
    vi.useFakeTimers();
    tracked = new TrackedAttempts();
    const status = { isRunning: true, acceptsOffers: true, appliedUpTo: undefined };
    table = new LaneTable('e1' as EndpointId, { due, tableOutage, status }, tracked, { onAttempt, onRead, onReady });
    table.hasBacklog = true;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
  });

  it('gives what the lane does not track yet', async () => {
    tracked.track(a);
    claim.mockResolvedValueOnce({ attempts: [a, b], more: false });
    await table.readDue(2, false);
    expect(onAttempt.mock.calls).toEqual([[b]]);
    expect(onRead).toHaveBeenCalledWith(2);
    expect(onReady).toHaveBeenCalledTimes(1);
    expect(table.hasBacklog).toBe(false);
  });

  it('may have more if the table says so, or if a row was read that went out of date meanwhile', async () => {
    claim.mockResolvedValueOnce({ attempts: [], more: true });
    await table.readDue(2, false);
    expect(table.hasBacklog).toBe(true);

    tracked.track(a);
    claim.mockImplementationOnce(async () => {
      tracked.untrack(a.id);
      return { attempts: [a], more: false };
    });
    await table.readDue(2, false);
    expect(onAttempt).not.toHaveBeenCalled();
    expect(table.hasBacklog).toBe(true);
  });

  it('gives what a person waits for apart from the rest, which it goes on to know of', async () => {
    table.hasUrgent = true;
    claim.mockResolvedValueOnce({ attempts: [a], more: true }).mockResolvedValue({ attempts: [b], more: false });
    await table.readUrgent(false);
    expect([table.hasUrgent, table.hasBacklog]).toEqual([true, true]);
    await table.readUrgent(true); // the endpoint was paused meanwhile
    expect([table.hasUrgent, table.hasBacklog]).toEqual([false, true]);
    expect(claim.mock.calls.map(([, { only }]) => only)).toEqual(['urgent', 'tests']);
    await table.readDue(2, false);
    expect(claim.mock.lastCall?.[1].only).toBeUndefined();
  });

  it('is read once at a time', async () => {
    claim.mockResolvedValue({ attempts: [], more: false });
    await Promise.all([table.readDue(2, false), table.readDue(2, false)]);
    expect(claim).toHaveBeenCalledTimes(1);
  });

  it('is read again a second after a failure', async () => {
    claim.mockRejectedValueOnce(new Error('No connection.'));
    await table.readDue(2, false);
    expect(onRead).not.toHaveBeenCalled();
    expect(tableOutage.failed).toHaveBeenCalledTimes(1);
    expect([onReady.mock.calls.length, table.hasBacklog]).toEqual([1, false]);
    vi.advanceTimersByTime(1_000);
    expect([onReady.mock.calls.length, table.hasBacklog, table.hasUrgent]).toEqual([2, true, false]);
    claim.mockRejectedValueOnce(new Error('No connection.'));
    table.hasUrgent = true;
    await table.readUrgent(false);
    vi.advanceTimersByTime(1_000);
    expect(table.hasUrgent).toBe(true);
  });
});
