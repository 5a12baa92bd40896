import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HookledgerError, RefusedError, UnreachableError } from './errors.ts';
import { Hookledger, type HookledgerOptions, type Message } from './hookledger.ts';

const ended: Message = { type: 'meeting.ended', data: { meeting_id: 7 } };
const published = { id: 'm-1', duplicate: false, destinations: 2, position: '0001' };
const taken =
  (...messages: object[]) =>
  () =>
    Promise.resolve(Response.json({ messages }, { status: 202 }));
const refused =
  (status: number, problem: object = {}, headers: Record<string, string> = {}) =>
  () =>
    Promise.resolve(new Response(JSON.stringify(problem), { status, headers: { 'content-type': 'application/problem+json', ...headers } }));
const broken = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:3000') }));

describe('publish', () => {
  const fetch = vi.fn<typeof globalThis.fetch>();
  const client = (options: Partial<HookledgerOptions> = {}) =>
    new Hookledger({ url: 'http://127.0.0.1:3000', key: 'k', fetch, ...options });
  const bodies = () => fetch.mock.calls.map(([, init]) => JSON.parse(init?.body as string) as unknown);
  /** The error, and how long it took on a clock that waits for nothing. */
  const failure = async (publishing: Promise<unknown>) => {
    const begun = Date.now();
    const error = await publishing.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error: error as RefusedError, ms: Date.now() - begun };
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout'], now: new Date('2026-01-01T12:00:00Z') });
    vi.setTimerTickMode('nextTimerAsync');
    vi.spyOn(Math, 'random').mockReturnValue(1);
    fetch.mockReset();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('posts one message with the key, and returns the result', async () => {
    fetch.mockImplementationOnce(taken({ ...published, duplicate: true }));
    const message = { ...ended, id: 'mine', timestamp: new Date(0) };
    expect(await client({ url: 'https://hooks.example/sub/' }).publish(message)).toEqual({ ...published, duplicate: true });
    const [url, init] = fetch.mock.calls[0] ?? [];
    expect(url).toEqual(new URL('https://hooks.example/sub/v1/messages'));
    expect(init).toMatchObject({
      method: 'POST',
      headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
      redirect: 'manual',
    });
    expect(bodies()).toEqual([{ ...ended, id: 'mine', timestamp: '1970-01-01T00:00:00.000Z' }]);
  });

  it('posts a list as a list, and returns results in the same order', async () => {
    const answers = [published, { ...published, id: 'm-2' }];
    fetch.mockImplementationOnce(taken(...answers));
    expect(await client().publish([ended, { ...ended, id: 'b' }])).toEqual(answers);
    expect(bodies()).toEqual([
      [
        { ...ended, id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
        { ...ended, id: 'b' },
      ],
    ]);
  });

  it.each([
    ['429', refused(429)],
    ['502', refused(502)],
    ['503', refused(503)],
    ['504', refused(504)],
    ['a broken connection', broken],
  ])('tries again after %s, with the same id', async (_, first) => {
    fetch.mockImplementationOnce(first).mockImplementationOnce(first).mockImplementationOnce(taken(published));
    const begun = Date.now();
    expect(await client().publish(ended)).toEqual(published);
    expect(Date.now() - begun).toBe(750);
    expect(bodies()).toHaveLength(3);
    expect(new Set(bodies().map((body) => (body as Message).id)).size).toBe(1);
  });

  it('reports a duplicate only for the caller’s id: with its own id, it can only repeat its own attempt', async () => {
    const duplicate = { ...published, duplicate: true };
    fetch.mockImplementationOnce(broken).mockImplementationOnce(taken(duplicate, duplicate));
    expect(await client().publish([ended, { ...ended, id: 'b' }])).toEqual([published, duplicate]);
  });

  it('waits as long as the answer asks', async () => {
    fetch.mockImplementationOnce(refused(429, {}, { 'retry-after': '7' })).mockImplementationOnce(taken(published));
    const begun = Date.now();
    await client().publish(ended);
    expect(Date.now() - begun).toBe(7000);
  });

  it('throws if the answer asks for too long a wait, and says how long', async () => {
    fetch.mockImplementation(refused(503, { detail: 'The disk is full.' }, { 'retry-after': '600' }));
    const { error, ms } = await failure(client().publish(ended));
    expect([error.message, error.retryAfterSeconds, error.attempts, ms]).toEqual(['The disk is full.', 600, 1, 0]);
  });

  it('gives up after the given number of attempts', async () => {
    fetch.mockImplementation(broken);
    const { error, ms } = await failure(client().publish(ended));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({
      attempts: 6,
      message: 'http://127.0.0.1:3000 could not be reached: connect ECONNREFUSED 127.0.0.1:3000',
    });
    expect(error.cause).toBeInstanceOf(TypeError);
    expect(ms).toBe(250 + 500 + 1000 + 2000 + 4000);
    expect((await failure(client({ attempts: 1 }).publish(ended))).error.attempts).toBe(1);
    expect(fetch).toHaveBeenCalledTimes(7);
  });

  it('does not retry a refused request, and says why', async () => {
    const issues = [{ path: 'data', message: 'must be a JSON object' }];
    const type = 'urn:hookledger:problem:bad-user-input';
    fetch.mockImplementation(refused(400, { type, title: 'Bad Request', status: 400, detail: 'data: no', requestId: 'r1', issues }));
    const { error } = await failure(client().publish(ended));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toBeInstanceOf(HookledgerError);
    expect(error).toMatchObject({
      name: 'RefusedError',
      message: 'data: no',
      type,
      status: 400,
      title: 'Bad Request',
      requestId: 'r1',
      issues,
      attempts: 1,
    });
    expect(fetch).toHaveBeenCalledOnce();
  });

  it.each([
    ['a redirect', () => Promise.resolve(new Response(null, { status: 302, headers: { location: 'http://elsewhere.example' } })), 302],
    [
      'a page',
      () => Promise.resolve(new Response('<html>', { status: 404, statusText: 'Not Found', headers: { 'x-request-id': 'r2' } })),
      404,
    ],
  ])('takes %s for a refusal', async (_, answer, status) => {
    fetch.mockImplementation(answer);
    const { error } = await failure(client().publish(ended));
    const requestId = status === 404 ? 'r2' : undefined;
    expect(error).toMatchObject({
      status,
      type: undefined,
      requestId,
      issues: [],
      detail: expect.stringMatching(/without a problem document/) as string,
    });
  });

  it.each(['<html>', '{}', '{"messages":[]}'])('does not accept a success that is not from Hookledger: %s', async (text) => {
    fetch.mockImplementation(() => Promise.resolve(new Response(text, { status: 202 })));
    const { error } = await failure(client().publish(ended));
    expect(error).toMatchObject({ name: 'UnreachableError', message: expect.stringMatching(/correct `url`/) as string, attempts: 1 });
  });

  it.each([
    [{ url: 'hooks.example' }, /`url` must be/],
    [{ url: 'ftp://hooks.example' }, /`url` must begin with https/],
    [{ key: '' }, /`key`/],
    [{ key: 'a\nb' }, /`key`/],
    [{ attempts: 0 }, /`attempts`/],
    [{ timeoutMs: Number.NaN }, /`timeoutMs`/],
  ])('can not be set up with %j', (options, message) => expect(() => client(options)).toThrow(message));
});

describe('a client of one organization', () => {
  it('names it in every request, and each message may name another', async () => {
    const requests: { headers: Headers; body: unknown }[] = [];
    const fetch = ((_: unknown, init: RequestInit) => {
      requests.push({ headers: new Headers(init.headers), body: JSON.parse(init.body as string) });
      const messages = [{ id: 'm', duplicate: false, destinations: 0, position: '1' }];
      return Promise.resolve(new Response(JSON.stringify({ messages }), { status: 202 }));
    }) as typeof globalThis.fetch;
    await new Hookledger({ url: 'http://a.example', key: 'k', organization: 'acme', fetch }).publish({
      type: 'a.b',
      data: {},
      organization: 'shop',
    });
    await new Hookledger({ url: 'http://a.example', key: 'k', fetch }).publish({ type: 'a.b', data: {} });
    expect(requests.map(({ headers }) => headers.get('hookledger-organization'))).toEqual(['acme', null]);
    expect(requests[0]?.body).toMatchObject({ organization: 'shop' });
  });

  it('refuses what can be no id', () =>
    expect(() => new Hookledger({ url: 'http://a.example', key: 'k', organization: 'a\nb' })).toThrow(TypeError));
});
