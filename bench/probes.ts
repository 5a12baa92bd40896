// What the benches of stalls share: requests to the server, probes that ask it again and again, and how long its main thread was busy.
import { readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Server } from '../test/support/server.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 50 });
/** A slow publish must not make the others wait for a connection. */
const liveAgent = new Agent({ keepAlive: true, maxSockets: 50 });
export type Answer = { readonly status: number; readonly body: string; readonly ms: number };

export const ask = (server: Server, method: string, path: string, body?: string, key = server.adminKey): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const from = performance.now();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const outgoing = request(
      `${server.url}${path}`,
      { method, agent: path === '/health/live' ? liveAgent : agent, headers },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: String(Buffer.concat(parts)), ms: performance.now() - from }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

export const closeConnections = (): void => [agent, liveAgent].forEach((each) => each.destroy());

/** Asks again and again, without waiting for the answer before. @returns ends it, with the milliseconds of each answer */
export const probe = (everyMs: number, once: () => Promise<Answer>) => {
  const times: number[] = [];
  const open = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const one = once().then(
      ({ ms }) => times.push(ms),
      () => undefined,
    );
    open.add(one);
    void one.finally(() => open.delete(one));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await Promise.all(open);
    return times;
  };
};

export const p99 = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;

/** What to start a server with, so that `takeBusy` works. */
export const stallsEnvironment = (stallsFile: string) => ({
  HOOKLEDGER_RATE_LIMIT: '1000000',
  STALLS_FILE: stallsFile,
  NODE_OPTIONS: `--import ${new URL('loop-stalls.ts', import.meta.url).href}`,
});

/** The longest time that the main thread was busy since the last call. */
export const takeBusy = async (server: Server, stallsFile: string): Promise<number> => {
  rmSync(stallsFile, { force: true });
  process.kill(server.pid, 'SIGUSR2');
  for (;;) {
    await delay(5);
    try {
      const text = readFileSync(stallsFile, 'utf8');
      if (text !== '') return Number(text);
    } catch {
      // not written yet
    }
  }
};
