// Sealing as the log grows: by count, by time, not for its own sake, and by one process among several.
import { expect, it } from 'vitest';
import { LogSealing } from '../../src/proof/sealing/log-sealing.ts';
import { SegmentBuilder, type Segment } from '../../src/proof/sealing/seal.ts';
import { sealCountIn } from '../../src/proof/sealing/seals-in-log.ts';
import { openStoredLogReader } from '../../src/event-store/open-log.ts';
import { SealedLog, silent } from '../support/sealed-log.ts';

it('seals what is full at once, the rest when it has waited, and seals alone never', async () => {
  await using log = new SealedLog();
  await log.seal(); // the key
  const reader = await openStoredLogReader(log.address, silent);
  const sealed = await sealCountIn(reader);
  expect(sealed).toBe(0); // a key alone is not worth a seal
  let now = 0;
  const segments: Segment[] = [];
  const record = async (_: number, segment: Segment) => {
    segments.push(segment);
    return true;
  };
  const sealing = new LogSealing(reader, { mostEvents: 10, everyMs: 60_000, isAlone: true, now: () => now }, record);
  await sealing.start();
  await log.messages(1, 24);
  await sealing.look();
  expect(segments.map(({ count }) => count)).toEqual([10, 10]);
  expect(sealing.waiting()).toMatchObject({ events: 5 });
  now = 59_999;
  await sealing.look();
  expect(segments).toHaveLength(2);
  now = 60_000;
  await sealing.look();
  expect(segments.map(({ count }) => count)).toEqual([10, 10, 5]);
  now = 600_000;
  await sealing.look();
  expect(segments).toHaveLength(3);
  await reader.close();
});

it('of two processes the second leaves it to the first, and takes over when that one seals no more', async () => {
  await using log = new SealedLog();
  await log.messages(1, 5);
  await log.seal(5);
  const reader = await openStoredLogReader(log.address, silent);
  let now = 0;
  const numbers: number[] = [];
  const options = { mostEvents: 1_000, everyMs: 1_000, isAlone: false, now: () => now };
  const standby = new LogSealing(reader, options, async (number) => numbers.push(number) > 0);
  await standby.start();
  await log.messages(6, 9);
  await log.seal(); // by another process
  await standby.look();
  await log.messages(10, 12);
  now = 2_999;
  await standby.look();
  expect(standby.waiting()).toMatchObject({ events: 0 });
  now = 3_000;
  await standby.look();
  now = 4_000;
  await standby.look();
  expect(numbers).toEqual([(await sealCountIn(reader)) + 1]);
  await reader.close();
});

it('a segment of nothing is none', () => expect(new SegmentBuilder().segment()).toBeUndefined());
