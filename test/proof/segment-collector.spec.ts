// When segments are sealed: by count, by time, never for seals alone, and by one process of several.
import { expect, it } from 'vitest';
import { SegmentCollector } from '../../src/proof/sealing/segment-collector.ts';
import { SegmentBuilder, type Segment } from '../../src/proof/sealing/seal.ts';
import { countSeals } from '../../src/proof/sealing/stored-seals.ts';
import { openStoredLogReader } from '../../src/event-store/open-log.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';

it('seals a full segment at once, the rest after a while, and never seals alone', async () => {
  await using log = new SealedLog();
  await log.seal(); // the key
  const reader = await openStoredLogReader(log.address, silent);
  const sealed = await countSeals(reader);
  expect(sealed).toBe(0); // the key alone is not sealed
  let now = 0;
  const segments: Segment[] = [];
  const record = async (_: number, segment: Segment) => {
    segments.push(segment);
    return true;
  };
  const sealing = new SegmentCollector(reader, { mostEvents: 10, everyMs: 60_000, isOnlySealer: true, now: () => now }, record);
  await sealing.start();
  await log.messages(1, 24);
  await sealing.collect();
  expect(segments.map(({ count }) => count)).toEqual([10, 10]);
  expect(sealing.backlog()).toMatchObject({ events: 5 });
  now = 59_999;
  await sealing.collect();
  expect(segments).toHaveLength(2);
  now = 60_000;
  await sealing.collect();
  expect(segments.map(({ count }) => count)).toEqual([10, 10, 5]);
  now = 600_000;
  await sealing.collect();
  expect(segments).toHaveLength(3);
  await reader.close();
});

it('leaves sealing to another process, and takes over once that one stops', async () => {
  await using log = new SealedLog();
  await log.messages(1, 5);
  await log.seal(5);
  const reader = await openStoredLogReader(log.address, silent);
  let now = 0;
  const numbers: number[] = [];
  const options = { mostEvents: 1_000, everyMs: 1_000, isOnlySealer: false, now: () => now };
  const standby = new SegmentCollector(reader, options, async (number) => numbers.push(number) > 0);
  await standby.start();
  await log.messages(6, 9);
  await log.seal(); // by another process
  await standby.collect();
  await log.messages(10, 12);
  now = 2_999;
  await standby.collect();
  expect(standby.backlog()).toMatchObject({ events: 0 });
  now = 3_000;
  await standby.collect();
  now = 4_000;
  await standby.collect();
  expect(numbers).toEqual([(await countSeals(reader)) + 1]);
  await reader.close();
});

it('makes no segment of no events', () => expect(new SegmentBuilder().segment()).toBeUndefined());
