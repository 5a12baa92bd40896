import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { subject } from '../../../test/support/samples.ts';
import type { DeliveryId, EndpointId } from '../../domain/ids.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { OwnDueAttempts } from '../due-attempts/own-due-attempts.ts';
import { LaneTable } from './lane-table.ts';
import { TrackedAttempts } from './tracked-attempts.ts';

const attempt = (id: string) => new ScheduleAttempt(id as DeliveryId, subject, 1, 0, 'no-stream', 0, { causationId: 'event' });
const [a, b] = [attempt('a'), attempt('b')];
const request = { limit: 2, testsOnly: false };

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
    table = new LaneTable('e1' as EndpointId, { due, tableOutage, status }, tracked, { onAttempt, onReady });
    table.hasBacklog = true;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
  });

  it('gives what the lane does not track yet', async () => {
    tracked.track(a);
    claim.mockResolvedValueOnce({ attempts: [a, b], more: false });
    await table.read(request, onRead);
    expect(onAttempt.mock.calls).toEqual([[b]]);
    expect(onRead).toHaveBeenCalledWith(2);
    expect(onReady).toHaveBeenCalledTimes(1);
    expect(table.hasBacklog).toBe(false);
  });

  it('may have more if the table says so, or if a row was read that went out of date meanwhile', async () => {
    claim.mockResolvedValueOnce({ attempts: [], more: true });
    await table.read(request, onRead);
    expect(table.hasBacklog).toBe(true);

    tracked.track(a);
    claim.mockImplementationOnce(async () => {
      tracked.untrack(a.id);
      return { attempts: [a], more: false };
    });
    await table.read(request, onRead);
    expect(onAttempt).not.toHaveBeenCalled();
    expect(table.hasBacklog).toBe(true);
  });

  it('is read once at a time', async () => {
    claim.mockResolvedValue({ attempts: [], more: false });
    await Promise.all([table.read(request, onRead), table.read(request, onRead)]);
    expect(claim).toHaveBeenCalledTimes(1);
  });

  it('is read again a second after a failure', async () => {
    claim.mockRejectedValueOnce(new Error('No connection.'));
    await table.read(request, onRead);
    expect(onRead).not.toHaveBeenCalled();
    expect(tableOutage.failed).toHaveBeenCalledTimes(1);
    expect([onReady.mock.calls.length, table.hasBacklog]).toEqual([1, false]);
    vi.advanceTimersByTime(1_000);
    expect([onReady.mock.calls.length, table.hasBacklog]).toEqual([2, true]);
  });
});
