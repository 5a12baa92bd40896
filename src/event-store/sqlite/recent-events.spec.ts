// The ring of recent events: any run of pushes leaves the newest that its bounds allow, and never a gap.
import { assert, array, integer, property } from 'fast-check';
import { expect, it } from 'vitest';
import { position } from '../../domain/ids.ts';
import type { RecordedEvent } from '../event-store.ts';
import { RecentEvents } from './recent-events.ts';

const event = (sequence: number): RecordedEvent => ({
  id: `${sequence}`,
  type: 'endpoint.paused',
  data: {},
  metadata: { actor: 'system:test' },
  stream: 'endpoint-1',
  revision: sequence - 1,
  position: position.parse(`${sequence}`),
  recordedAt: '2026-01-01T00:00:00.000Z',
});

it('holds the newest events within its bounds, in order', () =>
  assert(
    property(array(integer({ min: 1, max: 40 })), integer({ min: 0, max: 50 }), integer({ min: 1, max: 10 }), (sizes, tip, limit) => {
      const recent = new RecentEvents({ tip, maxEvents: 8, maxBytes: 100 });
      sizes.forEach((bytes, i) => recent.push(event(tip + 1 + i), bytes));
      const last = tip + sizes.length;
      expect(recent.tip).toBe(last);

      let kept = 0;
      for (let bytes = 0; kept < Math.min(8, sizes.length); kept += 1) {
        bytes += sizes.at(-1 - kept) ?? 0;
        if (bytes > 100) break;
      }
      const newest = Array.from({ length: kept }, (_, i) => `${last - kept + 1 + i}`);
      expect(recent.after(last - kept, limit)?.map(({ id }) => id)).toEqual(newest.slice(0, limit));
      expect(recent.after(last, limit)).toEqual([]);
      expect(recent.after(last - kept - 1, limit)).toBeUndefined();
    }),
  ));

it('is empty after a restart', () => {
  const recent = new RecentEvents({ tip: 0, maxEvents: 8, maxBytes: 100 });
  recent.push(event(1), 60);
  recent.restart(5);
  expect(recent.after(0, 10)).toBeUndefined();
  expect(recent.after(5, 10)).toEqual([]);
  recent.push(event(6), 60);
  expect(recent.after(5, 10)?.map(({ id }) => id)).toEqual(['6']);
});
