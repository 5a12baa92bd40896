import { setImmediate as nextTick } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { AppendEncoding } from './append-encoding.ts';
import { AppendQueue } from './append-queue.ts';

describe('the append queue', () => {
  let sent: number[];
  let hasWriter: boolean;
  let queue: AppendQueue;
  const add = () => {
    const encoding = new AppendEncoding();
    encoding.bytes = 10;
    return queue.add([], encoding, undefined);
  };
  beforeEach(() => {
    sent = [];
    hasWriter = true;
    queue = new AppendQueue((group) => {
      if (hasWriter) sent.push(group.length);
      return hasWriter;
    });
  });

  it('sends what was added in one tick as one group', async () => {
    void add();
    void add();
    expect(sent).toEqual([]);
    await nextTick();
    expect(sent).toEqual([2]);
  });

  it('sends no third group before the writer has answered one; what comes meanwhile is one group', async () => {
    for (let i = 0; i < 4; i++) {
      void add();
      await nextTick();
    }
    expect(sent).toEqual([1, 1]);
    expect(queue.bytes).toBe(40);
    expect(queue.takeAnswered(1)).toHaveLength(1);
    expect(queue.bytes).toBe(30);
    await nextTick();
    expect(sent).toEqual([1, 1, 2]);
  });

  it('keeps what there is no writer for', async () => {
    hasWriter = false;
    void add();
    await nextTick();
    hasWriter = true;
    queue.flush();
    expect(sent).toEqual([1]);
    queue.flush();
    expect(sent).toEqual([1]);
  });

  it('rejects what was sent and what waits when the writer has died', async () => {
    const appends = [add()];
    await nextTick();
    appends.push(add());
    const outcomes = Promise.allSettled(appends);
    const reason = new Error('The writer has died.');
    queue.rejectAll(reason);
    expect(await outcomes).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    expect(queue.bytes).toBe(0);
    await nextTick();
    expect(sent).toEqual([1]);
  });
});
