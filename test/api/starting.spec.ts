// While the service starts, it already listens: it takes messages, and requests that need the views wait.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/client.ts';
import { startApi, type ApiServer } from './api-server.ts';

type Messages = { messages: { nodes: unknown[] } };

let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ isStarting: true });
});
afterAll(() => api.close());

describe('a service that is still starting', () => {
  it('takes messages, and answers health and metrics', async () => {
    expect((await api.publish({ type: 'meeting.ended', data: {} })).status).toBe(202);
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${api.url}/metrics`)).status).not.toBe(503);
  });

  it('answers queries once it is open', async () => {
    let answered = false;
    const asked = api.query<Messages>('{ messages { nodes { id } } }').then((data) => {
      answered = true;
      return data;
    });
    await sleep(200);
    expect(answered).toBe(false);
    api.serve();
    await asked;
    await eventually(
      () => api.query<Messages>('{ messages { nodes { id } } }'),
      ({ messages }) => messages.nodes.length === 1,
    );
  });
});
