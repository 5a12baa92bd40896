// The rate limit of an API key: its headers, and requests over it.
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ rateLimit: 3 });
});
afterAll(() => api.close());

const message = JSON.stringify({ type: 'a.b', data: {} });
/** Until the key of that role has been refused. */
const exhaust = async (path: string, body: string, key: string) => {
  const answers: Response[] = [];
  for (;;) {
    const answer = await api.post(path, body, { key });
    answers.push(answer);
    if (answer.status === 429) return answers;
  }
};
const remaining = (answer: Response | undefined) => Number(answer?.headers.get('ratelimit-remaining'));

describe('the rate limit', () => {
  it('says how many requests are left, and refuses further ones until the second is over', async () => {
    const answers = await exhaust('/v1/messages', message, api.keys.PUBLISHER);
    const refused = answers.at(-1);
    expect(answers.length).toBeGreaterThanOrEqual(4);
    expect(answers[0]?.headers.get('ratelimit-limit')).toBe('3');
    expect(remaining(answers[0])).toBe(2);
    expect(remaining(refused)).toBe(0);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(await refused?.json()).toMatchObject({
      status: 429,
      title: 'Too Many Requests',
      detail: expect.stringMatching(/3 requests a second/),
    });
  });

  it('counts each key by itself, and health not at all', async () => {
    await exhaust('/v1/messages', message, api.keys.PUBLISHER);
    expect((await api.post('/v1/messages', message, { key: api.keys.ADMIN })).status).toBe(202);
    for (let i = 0; i < 8; i++) expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
  });

  it('is a GraphQL error where the request was for GraphQL', async () => {
    const answers = await exhaust('/graphql', JSON.stringify({ query: '{ organization { id } }' }), api.keys.VIEWER);
    expect(await answers.at(-1)?.json()).toMatchObject({ errors: [{ extensions: { code: 'TOO_MANY_REQUESTS' } }] });
  });
});

it('counts a key however its header is spelled, and every operation that comes over a WebSocket', async () => {
  await exhaust('/v1/messages', message, api.keys.AUDITOR);
  const spelled = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `bearer  ${api.keys.AUDITOR}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ organization { id } }' }),
  });
  expect(spelled.status).toBe(429);
  const client = createClient({
    url: `${api.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${api.keys.OTHER}` },
    retryAttempts: 0,
  });
  const asked = () =>
    client
      .iterate({ query: '{ organization { id } }' })
      .next()
      .catch((error: unknown) => error);
  const answers = await Promise.all(Array.from({ length: 8 }, asked));
  expect(answers.filter((answer) => JSON.stringify(answer).includes('TOO_MANY_REQUESTS')).length).toBeGreaterThanOrEqual(2);
  await client.dispose();
});
