import { describe, expect, it } from 'vitest';
import { DeliveryBacklog, type LaneBacklog } from './delivery-backlog.ts';
import { IntakeFull, IntakeQueue } from './intake-queue.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Publishes that end when the test says so. */
const publishesOn = (queue: IntakeQueue) => {
  const running = new Map<string, () => void>();
  const all: Promise<void>[] = [];
  return {
    async begin(name: string, publisher: string, weight = 1) {
      const work = () => new Promise<void>((resolve) => running.set(name, resolve));
      all.push(queue.run(publisher, weight, work).finally(() => running.delete(name)));
      await turn();
    },
    running: () => [...running.keys()],
    async end(...names: string[]) {
      for (const name of names) running.get(name)?.();
      await turn();
    },
    async endAll() {
      while (running.size > 0) await this.end(...running.keys());
      await Promise.all(all);
    },
  };
};

const fill = (lane: LaneBacklog, publisher: string, count: number) => {
  const ids = Array.from({ length: count }, (_, i) => `${publisher}${i}`);
  for (const id of ids) lane.add(id, publisher);
  return { send: (to: number) => ids.splice(0, to).forEach((id) => lane.remove(id)) };
};

describe('the room on the way into the log', () => {
  it('is for four hundred messages, and for one larger publish beside them', async () => {
    const publishes = publishesOn(new IntakeQueue());
    await publishes.begin('small', 'a', 100);
    for (const name of ['second', 'third', 'fourth']) await publishes.begin(name, name, 90);
    await publishes.begin('more', 'b', 60);
    await publishes.begin('large', 'c', 1_000);
    await publishes.begin('larger', 'd', 1_000);
    await publishes.begin('one', 'e');
    expect(publishes.running()).toEqual(['small', 'second', 'third', 'fourth', 'large', 'one']);
    await publishes.end('small', 'large');
    expect(publishes.running()).toEqual(['second', 'third', 'fourth', 'one', 'more', 'larger']);
    await publishes.endAll();
  });

  it('is free again when a publish fails', async () => {
    const queue = new IntakeQueue();
    await expect(queue.run('a', 100, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(queue.run('a', 100, () => Promise.resolve('yes'))).resolves.toBe('yes');
  });
});

describe('a long backlog of deliveries', () => {
  it('holds back those whose messages are in it, until it is shorter, and nobody else', async () => {
    const backlog = new DeliveryBacklog();
    const publishes = publishesOn(new IntakeQueue(backlog));
    const flood = fill(backlog.of({ keepsUp: true }), 'flood', 100);
    await publishes.begin('held', 'flood');
    await publishes.begin('other', 'other');
    expect(publishes.running()).toEqual(['other']);
    flood.send(40);
    expect(publishes.running()).toEqual(['other']);
    flood.send(40);
    await publishes.end();
    expect(publishes.running()).toEqual(['other', 'held']);
    await publishes.endAll();
  });

  it('is shared by organization first: one with many keys holds back none of another', async () => {
    const backlog = new DeliveryBacklog();
    const publishes = publishesOn(new IntakeQueue(backlog));
    const lane = backlog.of({ keepsUp: true });
    for (let key = 0; key < 20; key++) fill(lane, `large/${key}`, 10);
    fill(lane, 'small/1', 40);
    await publishes.begin('large', 'large/1');
    await publishes.begin('small', 'small/1');
    await publishes.begin('another', 'small/2');
    expect(publishes.running()).toEqual(['small', 'another']);
    for (let key = 0; key < 20; key++) for (let n = 0; n < 10; n++) lane.remove(`large/${key}${n}`);
    await publishes.endAll();
  });

  it('counts what a key has in all organizations where it publishes for several at once', async () => {
    const backlog = new DeliveryBacklog();
    const publishes = publishesOn(new IntakeQueue(backlog));
    const lane = backlog.of({ keepsUp: true });
    const sent = Array.from({ length: 50 }, (_, n) => fill(lane, `customer-${n}/platform`, 2));
    await publishes.begin('held', '/platform');
    await publishes.begin('other', '/other');
    expect(publishes.running()).toEqual(['other']);
    for (const each of sent) each.send(2);
    await publishes.endAll();
  });

  it('holds back nobody where it is its receiver that does not keep up', async () => {
    const backlog = new DeliveryBacklog();
    const publishes = publishesOn(new IntakeQueue(backlog));
    fill(backlog.of({ keepsUp: false }), 'flood', 1_000);
    await publishes.begin('free', 'flood');
    expect(publishes.running()).toEqual(['free']);
    await publishes.endAll();
  });

  it('lets them go when a receiver stops to keep up, though nothing is sent', async () => {
    const backlog = new DeliveryBacklog();
    const publishes = publishesOn(new IntakeQueue(backlog));
    const lane = { keepsUp: true };
    fill(backlog.of(lane), 'flood', 100);
    await publishes.begin('held', 'flood');
    expect(publishes.running()).toEqual([]);
    lane.keepsUp = false;
    await expect.poll(publishes.running).toEqual(['held']);
    await publishes.endAll();
  });
});

describe('the time that a publish may wait', () => {
  const clock = { now: 0 };
  const fullQueue = async (waiting: number) => {
    clock.now = 0;
    const queue = new IntakeQueue(new DeliveryBacklog(), () => clock.now);
    const publishes = publishesOn(queue);
    for (let i = 0; i < 4 + waiting; i++) await publishes.begin(`${i}`, 'a', 100);
    return { queue, publishes };
  };

  it('is some seconds before a key is told to come back; less where it has many waiting; other keys are not concerned', async () => {
    const { queue, publishes } = await fullQueue(1);
    clock.now = 4_000;
    expect(queue.isFull('a')).toBe(false);
    clock.now = 4_001;
    expect(queue.isFull('a')).toBe(true);
    expect(queue.isFull('b')).toBe(false);
    await publishes.endAll();
    const many = await fullQueue(65);
    clock.now = 401;
    expect(many.queue.isFull('a')).toBe(true);
    await many.publishes.endAll();
    expect(many.queue.isFull('a')).toBe(false);
  });

  it('ends with a refusal, but not for parts of the system', async () => {
    const { queue, publishes } = await fullQueue(0);
    const late = queue.run('a', 100, () => Promise.resolve('late'));
    const system = queue.run('system:sources', 100, () => Promise.resolve('published'));
    clock.now = 5_001;
    await expect(late).rejects.toThrow(IntakeFull);
    await publishes.endAll();
    expect(await system).toBe('published');
  });
});
