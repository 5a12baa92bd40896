import { describe, expect, it } from 'vitest';
import type { Position } from '../../../domain/ids.ts';
import type { EventHeader } from '../consumer.ts';
import { PendingEvents } from './pending-events.ts';

const at = (n: number) => String(n).padStart(4, '0') as Position;
const event = (n: number): EventHeader => ({
  stream: 'endpoint-1',
  type: 'endpoint.renamed',
  position: at(n),
  recordedAt: '2026-01-01T00:00:00.000Z',
});

describe('pending events', () => {
  const pending = (...reads: number[][]) => {
    const made = new PendingEvents<EventHeader>(3);
    for (const read of reads) {
      for (const n of read) made.add(event(n));
      made.endRead();
    }
    return made;
  };

  it('are taken all at once, and count until they are committed', () => {
    const events = pending([1, 2], [3]);
    const taken = events.take(undefined);
    events.add(event(4));
    expect(taken).toEqual([event(1), event(2), event(3)]);
    expect(events.count).toBe(4);
    events.committed(taken.slice(0, 2));
    expect(events.count).toBe(2);
    expect(events.oldest(false)).toEqual(event(3));
    events.committed(taken.slice(2));
    expect(events.oldest(false)).toEqual(event(4));
  });

  it('are taken up to where live events begin; those come next', () => {
    const events = pending([1, 2, 3, 4]);
    expect(events.take(at(2))).toEqual([event(1), event(2)]);
    expect(events.take(at(2))).toEqual([event(3), event(4)]);
    expect(events.isEmpty).toBe(true);
  });

  it('are as old as the event applied last, while none waits and more are to come', () => {
    const events = pending([1]);
    events.committed(events.take(undefined));
    expect(events.oldest(true)).toEqual(event(1));
    expect(events.oldest(false)).toBeUndefined();
  });

  it('are full, and heavy, by the rows that they write', () => {
    const events = new PendingEvents<EventHeader>(3);
    events.add(event(1), 3);
    expect([events.isFull(false), events.isFull(true), events.isHeavy]).toEqual([true, false, false]);
    events.add(event(2), 6);
    expect([events.isFull(true), events.isHeavy]).toEqual([true, true]);
    events.take(undefined);
    expect([events.isFull(false), events.isHeavy]).toEqual([false, false]);
  });

  it('count the rows of those that are left, too', () => {
    const events = new PendingEvents<EventHeader>(3);
    events.add(event(1));
    events.add(event(2), 16);
    events.take(at(1));
    expect([events.isFull(false), events.isHeavy]).toEqual([true, true]);
  });

  it('are full after five reads while catching up, and after a batch of events when live', () => {
    expect(pending([1, 2, 3], [4], [5], [6]).isFull(true)).toBe(false);
    expect(pending([1], [2], [3], [4], [5]).isFull(true)).toBe(true);
    expect(pending([1, 2]).isFull(false)).toBe(false);
    expect(pending([1, 2, 3]).isFull(false)).toBe(true);
  });
});
