// The second limit: one Node process that only signs and POSTs as fast as it can, at the best of a few concurrencies.
import { randomUUID } from 'node:crypto';
import { Pool } from 'undici';
import { serve } from './processes.ts';
import { signAndSend } from './sending.ts';
import { clock, envelope, eventType, message } from './workload.ts';

/** @returns requests per second that were answered with 2xx */
const loop = async (receiver: string, concurrency: number, seconds: number): Promise<number> => {
  const pool = new Pool(receiver, { connections: concurrency });
  const bodies = Array.from({ length: 100 }, (_, i) => {
    const { type, data } = message(eventType(i));
    return { id: randomUUID(), body: envelope(type, new Date().toISOString(), { ...data, sentAt: clock() }) };
  });
  const began = clock();
  const end = began + seconds * 1e6;
  let sent = 0;
  let succeeded = 0;
  await new Promise<void>((resolve) => {
    let active = 0;
    const send = () => {
      const next = bodies[sent++ % bodies.length];
      if (!next) return;
      active++;
      signAndSend(pool, '/ok', next.id, next.body, (status) => {
        active--;
        if (status === 200) succeeded++;
        if (clock() < end) send();
        else if (active === 0) resolve();
      });
    };
    for (let i = 0; i < concurrency; i++) send();
  });
  const perSecond = succeeded / ((clock() - began) / 1e6);
  await pool.close();
  return perSecond;
};

const handlers = {
  async run({ receiver, seconds, tuneSeconds }: { receiver: string; seconds: number; tuneSeconds: number }) {
    await loop(receiver, 64, tuneSeconds); // warm-up
    let best = { concurrency: 0, perSecond: 0 };
    for (const concurrency of [16, 32, 64, 128]) {
      const perSecond = await loop(receiver, concurrency, tuneSeconds);
      if (perSecond > best.perSecond) best = { concurrency, perSecond };
    }
    return { concurrency: best.concurrency, perSecond: await loop(receiver, best.concurrency, seconds) };
  },
};
export type BareLoopPart = typeof handlers;
serve(handlers);
