// REST over a real socket: the intake, its refusals, health, metrics.
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogUnavailable } from '../../src/event-store/event-store.ts';
import { startApi, type ApiServer } from './api-server.ts';

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Problem = { type: string; title: string; status: number; detail: string; issues?: { path: string; message: string }[] };

/** The problem document of a refused request, after which the log is as it was. */
const refusal = async (body: string | Uint8Array<ArrayBuffer>, options: Parameters<ApiServer['post']>[2] = {}, where = '/v1/messages') => {
  const before = await api.store.tip();
  const response = await api.post(where, body, options);
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = (await response.json()) as Problem;
  expect(problem.status).toBe(response.status);
  expect(await api.store.tip()).toBe(before);
  return { ...problem, paths: problem.issues?.map(({ path }) => path), headers: response.headers };
};
const message = { type: 'alert.created', data: { a: 1 } };

describe('POST /v1/messages', () => {
  it('takes one message and answers 202 when it is in the log', async () => {
    const { status, body } = await api.publish({ ...message, id: 'one', timestamp: '2026-01-15T10:30:00+02:00' });
    expect(status).toBe(202);
    expect(body).toEqual({
      messages: [{ id: expect.any(String), duplicate: false, destinations: 0, position: expect.any(String) }],
    });
    const { messages } = body as unknown as { messages: { id: string; position: string }[] };
    const [event] = await api.store.readStream(`message-${messages[0]!.id}`);
    expect(event).toMatchObject({
      type: 'message.accepted',
      position: messages[0]!.position,
      metadata: { actor: 'apikey:default-ADMIN' },
      data: { clientId: 'one', timestamp: '2026-01-15T10:30:00+02:00', data: { a: 1 } },
    });
  });

  it('answers an array in the order sent, and an id seen before as a duplicate', async () => {
    const { body } = await api.publish([{ ...message, id: 'x' }, { ...message, id: 'y' }, message]);
    const { body: again } = await api.publish([
      { ...message, id: 'y' },
      { ...message, id: 'x' },
    ]);
    const ids = (answer: unknown) => (answer as { messages: { id: string; duplicate: boolean }[] }).messages;
    expect(ids(again).map(({ id, duplicate }) => [id, duplicate])).toEqual([
      [ids(body)[1]!.id, true],
      [ids(body)[0]!.id, true],
    ]);
  });

  it('refuses an id seen before with different content: 409', async () => {
    await api.publish({ ...message, id: 'same' });
    expect((await refusal(JSON.stringify({ ...message, id: 'same', data: { a: 2 } }))).status).toBe(409);
  });

  it('uses a plain x-request-id as the correlation id, and makes one otherwise', async () => {
    const given = await api.post('/v1/messages', JSON.stringify(message), { headers: { 'x-request-id': 'req-1' } });
    expect(given.headers.get('x-request-id')).toBe('req-1');
    const { messages } = (await given.json()) as { messages: { id: string }[] };
    const [event] = await api.store.readStream(`message-${messages[0]!.id}`);
    expect(event!.metadata.correlationId).toBe('req-1');
    const odd = await api.post('/v1/messages', JSON.stringify(message), { headers: { 'x-request-id': 'a b"' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });

  it('refuses the whole request for one bad message, and names it', async () => {
    const problem = await refusal(JSON.stringify([message, { ...message, data: [] }]));
    expect(problem).toMatchObject({ status: 400, title: 'Bad Request', paths: ['1.data'] });
  });

  it.each([
    ['an unknown field, by name', { ...message, colour: 'red' }, ['colour']],
    ['a type with a space', { ...message, type: 'a b' }, ['type']],
    ['a type that is too long', { ...message, type: 'a'.repeat(129) }, ['type']],
    ['no data', { type: 'a' }, ['data']],
    ['data that is no object', { ...message, data: 'text' }, ['data']],
    ['an empty id', { ...message, id: '' }, ['id']],
    ['an id that is too long', { ...message, id: 'i'.repeat(257) }, ['id']],
    ['a timestamp without a zone', { ...message, timestamp: '2026-01-15T10:30:00' }, ['timestamp']],
    ['an empty array', [], ['']],
    ['more than 1000 messages', Array.from({ length: 1001 }, () => message), ['']],
    ['what is no object', 'text', ['']],
    ['null', null, ['']],
  ])('refuses %s', async (_, body, paths) => {
    expect(await refusal(JSON.stringify(body))).toMatchObject({ status: 400, paths });
  });

  it.each([
    ['unreadable JSON', '{"type":', [''], /not JSON/],
    ['an empty body', '', undefined, /./],
    ['a key that occurs twice', '{"type":"a","data":{"x":{"k":1,"k":2}}}', ['data.x.k'], /twice/],
    ['a key __proto__', '{"type":"a","data":{"__proto__":{}}}', ['data.__proto__'], /__proto__/],
    ['half of a surrogate pair', String.raw`{"type":"a","data":{"x":"\ud800"}}`, ['data.x'], /surrogate/],
    ['deep JSON', `{"type":"a","data":${'{"a":'.repeat(100)}1${'}'.repeat(101)}`, [''], /64 levels/],
    ['a number of more than 1000 characters', `{"type":"a","data":{"x":1${'0'.repeat(1000)}}}`, ['data.x'], /send it as a string/],
    ['a number in place of a message', '9007199254740993', [''], /expected object/],
    ['a number in place of data', '{"type":"a","data":9007199254740993}', ['data'], /must be a JSON object/],
    [
      'a timestamp before the year 1 in UTC',
      '{"type":"a","data":{},"timestamp":"0001-01-01T00:00:00+00:01"}',
      ['timestamp'],
      /0001 to 9999/,
    ],
    ['a timestamp of the year 0', '{"type":"a","data":{},"timestamp":"0000-06-01T00:00:00Z"}', ['timestamp'], /0001 to 9999/],
    ['a timestamp after 9999 in UTC', '{"type":"a","data":{},"timestamp":"9999-12-31T23:59:59-00:01"}', ['timestamp'], /0001 to 9999/],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), [''], /UTF-8/],
  ])('refuses %s', async (_, body, paths, detail) => {
    const problem = await refusal(body);
    expect(problem).toMatchObject({ status: 400, detail: expect.stringMatching(detail) as string });
    expect(problem.paths).toEqual(paths ?? problem.paths);
  });

  it('refuses data over 256 KiB with its path, and accepts 256 KiB', async () => {
    const of = (bytes: number) => ({ type: 'a', data: { x: 'x'.repeat(bytes - '{"x":""}'.length) } });
    expect((await api.publish(of(256 * 1024))).status).toBe(202);
    expect(await refusal(JSON.stringify(of(256 * 1024 + 1)))).toMatchObject({ status: 413, paths: ['data'] });
    expect(await refusal(JSON.stringify([message, of(256 * 1024 + 1)]))).toMatchObject({ status: 413, paths: ['1.data'] });
  });

  it('refuses a body over 16 MiB by its content-length, before it is sent', async () => {
    const answer = await rawRequest((socket, head) => socket.write(`${head}content-length: ${16 * 1024 * 1024 + 1}\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/application\/problem\+json/);
  });

  it('refuses a body over 16 MiB while it arrives, if it has no content-length', async () => {
    let sent = 0;
    const answer = await rawRequest((socket, head) => {
      socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
      const chunk = Buffer.alloc(1024 * 1024, 0x20);
      const send = () => {
        if (sent >= 64 || socket.destroyed) return; // never ends by itself: an answer must come before
        sent++;
        socket.write(`${chunk.length.toString(16)}\r\n`);
        socket.write(chunk);
        socket.write('\r\n', () => setImmediate(send));
      };
      send();
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent).toBeLessThan(64);
  });

  it('refuses what is not JSON by its content type: 415', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
      expect((await refusal('{}', { headers: { 'content-type': type } })).status).toBe(415);
    expect((await refusal('{}', { headers: { 'content-encoding': 'gzip' } })).status).toBe(415);
  });

  it('answers 503 with Retry-After while the log cannot be written', async () => {
    const append = api.store.append.bind(api.store);
    api.store.append = () => Promise.reject(new LogUnavailable('The disk is full.', 3));
    try {
      const problem = await refusal(JSON.stringify(message));
      expect(problem).toMatchObject({ status: 503, detail: expect.stringMatching(/disk is full/) as string });
      expect(problem.headers.get('retry-after')).toBe('3');
    } finally {
      api.store.append = append;
    }
  });

  it('answers an internal error with nothing but an id, which the log has', async () => {
    const append = api.store.append.bind(api.store);
    api.store.append = () => Promise.reject(new Error('secret inner detail'));
    try {
      const problem = await refusal(JSON.stringify(message));
      expect(problem.status).toBe(500);
      expect(JSON.stringify(problem)).not.toMatch(/secret inner|stack|\.ts/);
      expect(api.failures.at(-1)).toMatchObject({ requestId: problem.headers.get('x-request-id') });
      expect(problem.detail).toContain(problem.headers.get('x-request-id'));
    } finally {
      api.store.append = append;
    }
  });
});

/** Sends by hand, and answers with all that came back until the server closed. */
const rawRequest = (send: (socket: net.Socket, head: string) => void): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(api.url);
    const socket = net.connect(Number(port), hostname);
    let received = '';
    socket.on('data', (data) => {
      received += data.toString();
      if (received.includes('}')) socket.destroy();
    });
    // The server may close while more is on its way to it.
    socket.on('error', () => undefined);
    socket.on('close', () => (received === '' ? reject(new Error('closed without an answer')) : resolve(received)));
    const head = `POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.keys.ADMIN}\r\ncontent-type: application/json\r\n`;
    socket.on('connect', () => send(socket, head));
  });

describe('keys', () => {
  it.each([
    ['no key', {}],
    ['another scheme', { authorization: 'Basic abc' }],
    ['a wrong key', { authorization: 'Bearer nonsense-nonsense' }],
  ])('refuses %s with 401 and WWW-Authenticate', async (_, headers) => {
    const response = await fetch(`${api.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(message),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('lets admins and publishers publish, and names the role needed to others', async () => {
    expect((await api.publish(message, api.keys.PUBLISHER)).status).toBe(202);
    for (const key of [api.keys.VIEWER, api.keys.AUDITOR]) {
      const problem = await refusal(JSON.stringify(message), { key });
      expect(problem).toMatchObject({ status: 403, detail: expect.stringMatching(/ADMIN or PUBLISHER/) as string });
    }
  });
});

describe('other routes', () => {
  it('answers 404 with a problem document', async () => {
    const response = await fetch(`${api.url}/nothing`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((await refusal('{}', {}, '/v1/nothing')).status).toBe(404);
  });

  const ready = (key?: string) => fetch(`${api.url}/health/ready`, key ? { headers: { authorization: `Bearer ${key}` } } : {});

  it('answers /health/live and /health/ready without a key, the details of it only with one', async () => {
    expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
    const withoutKey = await ready();
    expect(withoutKey.status).toBe(200);
    expect(await withoutKey.json()).toEqual({ status: 'ok' });
    expect(await (await ready('test-nobody-0123456789')).json()).toEqual({ status: 'ok' });
    await api.views.reached((await api.store.tip())!, 5_000);
    expect(await (await ready(api.keys.PUBLISHER)).json()).toMatchObject({
      status: 'ok',
      details: { log: { status: 'up' }, views: { status: 'up', state: 'live', lagEvents: 0, lagSeconds: 0 } },
    });
  });

  it('is not ready when a consumer has stopped or the log is away, and says why to callers with a key', async () => {
    const { log, consumers } = api.readiness;
    try {
      const all = await consumers();
      const error = 'The event at position 7 can not be applied.';
      api.readiness.consumers = async () =>
        all.map((status) => (status.name === 'views' ? { ...status, state: 'stopped', error } : status));
      api.readiness.log = () => Promise.reject(new Error('The log is away.'));
      const withoutKey = await ready();
      expect(withoutKey.status).toBe(503);
      expect(await withoutKey.json()).toEqual({ status: 'error' });
      const withKey = await ready(api.keys.VIEWER);
      expect(withKey.status).toBe(503);
      expect(await withKey.json()).toMatchObject({
        details: {
          log: { status: 'down', error: 'The log is away.' },
          views: { status: 'down', error: expect.stringMatching(/position 7/) as string },
        },
      });
    } finally {
      Object.assign(api.readiness, { log, consumers });
    }
  });

  it('answers /metrics to keys that may read', async () => {
    const metrics = (key?: string) => fetch(`${api.url}/metrics`, key ? { headers: { authorization: `Bearer ${key}` } } : {});
    expect((await metrics()).status).toBe(401);
    expect((await metrics(api.keys.PUBLISHER)).status).toBe(403);
    const shown = await metrics(api.keys.VIEWER);
    expect(shown.status).toBe(200);
    expect(shown.headers.get('content-type')).toMatch(/^text\/plain/);
  });
});
