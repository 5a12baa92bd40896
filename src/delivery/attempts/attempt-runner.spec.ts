// An attempt: what it sends, what it records of it, and what follows from the outcome.
import { createHash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { dueCause, harmlessUrl } from '../../../test/support/samples.ts';
import { LogUnavailable } from '../../event-store/event-store.ts';
import { newPrivateKey, newSymmetricKey, newTextKey } from '../../secrets/signing-keys.ts';
import { FormatError, NotBegun } from '../formats/format-error.ts';
import { LocalFailure } from '../local-failure.ts';
import type { SendOutcome } from '../sender/send-outcome.ts';
import { sign } from '../signatures/signature.ts';
import { deliveryStream } from '../../domain/streams.ts';
import {
  e1,
  m1,
  subject,
  id,
  started,
  response,
  ok,
  broken,
  unanswered,
  store,
  message,
  runner,
  cipher,
  send,
  observe,
  evaluate,
  append,
  endpoint,
  due,
  history,
  setUp,
} from '../../../test/support/given-attempts.ts';

describe('the attempt runner', () => {
  setUp();

  it('sends what the configuration says and records what came of it, secrets masked', async () => {
    const headers = [{ name: 'Authorization', value: cipher.seal('Token hush', 'headers.authorization') }];
    await endpoint({ headers, signature: 'WEBHOOK_SHA256', timeoutSeconds: 7 }, { secret: cipher.seal('s', 'secret') });
    const result = await runner.run(due());
    const [[request] = expect.fail()] = send.mock.calls;
    expect(request).toMatchObject({ url: 'https://receiver.example/hook', timeoutSeconds: 7 });
    expect(request.headers).toMatchObject({ Authorization: 'Token hush', 'webhook-id': m1, 'webhook-attempt': '1' });
    expect(request.headers).toHaveProperty('X-Webhook-Signature');
    const [recorded] = await store.readStream(deliveryStream(id));
    expect(recorded).toMatchObject({
      type: 'delivery.attempt-succeeded',
      position: result.position,
      metadata: { actor: 'system:dispatcher', ...dueCause },
      data: { ...subject, ...started, ...response(200), attempt: 1, url: request.url, endpointRevision: 0 },
    });
    expect(recorded?.data).toMatchObject({ bodySha256: createHash('sha256').update(request.body).digest('hex') });
    expect(JSON.stringify(recorded)).not.toContain('hush');
    expect(observe).toHaveBeenCalledWith(ok);
  });

  it('sends nothing with a secret that was written for another place, and says why', async () => {
    const headers = [{ name: 'x-shown', value: cipher.seal('Token hush', 'headers.authorization') }];
    await endpoint({ headers });
    await runner.run(due());
    expect(send).not.toHaveBeenCalled();
    expect(await history()).toMatchObject([
      { type: 'delivery.attempt-failed', data: { failure: 'FORMAT', error: expect.stringContaining('not written for headers.x-shown') } },
    ]);
  });

  it('records a first attempt without reading anything', async () => {
    await endpoint();
    const read = vi.spyOn(store, 'readStream');
    const write = vi.spyOn(store, 'append');
    await runner.run(due());
    expect(read).not.toHaveBeenCalled();
    expect(write.mock.calls[0]?.[0]).toMatchObject([{ stream: deliveryStream(id), expectedRevision: 'no-stream' }]);
  });

  it('reads the message from the log where it is not at hand', async () => {
    await endpoint();
    vi.spyOn(store, 'readStream').mockRejectedValueOnce(new LogUnavailable('away'));
    await runner.run(due({ read: true }));
    expect(send.mock.calls[0]?.[0].body).toContain('critical');
  });

  it('tries again until the log takes the outcome, and sends once', async () => {
    await endpoint();
    vi.spyOn(store, 'append').mockRejectedValueOnce(new LogUnavailable('full')).mockRejectedValueOnce(new LogUnavailable('full'));
    await runner.run(due());
    expect(send).toHaveBeenCalledOnce();
    expect(await history()).toHaveLength(1);
  });

  it('records once what the log took without answering', async () => {
    await endpoint();
    send.mockResolvedValue(unanswered);
    const write = store.append.bind(store);
    vi.spyOn(store, 'append').mockImplementationOnce(async (writes) => {
      await write(writes);
      throw new LogUnavailable('The answer was lost.');
    });
    await runner.run(due());
    expect(await history()).toHaveLength(1);
  });

  it('retries as the policy says, and puts off without a step of it what the receiver puts off', async () => {
    await endpoint();
    send.mockResolvedValueOnce(broken(500)).mockResolvedValueOnce(broken(429, new Date('2026-01-01T15:00:00Z')));
    await runner.run(due());
    expect(await runner.run(due({ attempt: 2, failures: 1, revision: 0 }))).toMatchObject({
      receiver: 'refuses',
      holdMs: Date.parse('2026-01-01T15:00:00Z') - Date.parse('2026-01-01T12:00:01Z'),
    });
    await runner.run(due({ attempt: 3, failures: 1, revision: 1 }));
    expect(await history()).toMatchObject([
      { type: 'delivery.attempt-failed', data: { attempt: 1, failuresInSeries: 1, retryAt: '2026-01-01T12:01:01.000Z' } },
      {
        type: 'delivery.attempt-failed',
        data: { attempt: 2, failuresInSeries: 1, retryAt: '2026-01-01T15:00:00.000Z', seriesSince: message.recordedAt },
      },
      { type: 'delivery.attempt-succeeded', data: { attempt: 3 } },
    ]);
  });

  it('gives up when the policy does', async () => {
    await endpoint({ retryPolicy: { delaysSeconds: [0], jitter: 0 } });
    send.mockResolvedValue(broken(500));
    await runner.run(due());
    expect(await history()).toMatchObject([{ type: 'delivery.attempt-failed' }, { type: 'delivery.exhausted', data: { attempts: 1 } }]);
  });

  it('attempts a test once', async () => {
    await endpoint();
    send.mockResolvedValue(broken(500));
    await runner.run(due({ test: true }));
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-failed', 'delivery.exhausted']);
  });

  it('fails as FORMAT, and sends nothing, where no request can be made', async () => {
    await endpoint({ signature: 'WEBHOOK_SHA256' }, { secret: null });
    const result = await runner.run(due());
    expect(send).not.toHaveBeenCalled();
    expect(result.receiver).toBe('unknown');
    const [failed] = await history();
    expect(failed).toMatchObject({
      data: { failure: 'FORMAT', error: expect.stringMatching(/secret|key/), requestHeaders: {} },
    });
    expect(failed?.data).not.toHaveProperty('bodySha256');
  });

  it('sends what the template makes of the message', async () => {
    await endpoint({ format: 'TEMPLATE', formatOptions: { template: 'data' } });
    evaluate.mockResolvedValueOnce({ text: 'critical' });
    await runner.run(due());
    expect(evaluate).toHaveBeenCalledWith(`default/${e1}`, 'data', expect.objectContaining({ id: m1, data: { severity: 'critical' } }));
    expect(send.mock.calls[0]?.[0].body).toBe('{"text":"critical"}');
  });

  it('fails as FORMAT with the sentence of a template that fails, and retries as the policy says', async () => {
    await endpoint({ format: 'TEMPLATE', formatOptions: { template: '$error("no")' } });
    evaluate.mockRejectedValueOnce(new FormatError('The template failed: no.'));
    await runner.run(due());
    expect(send).not.toHaveBeenCalled();
    expect(await history()).toMatchObject([
      { type: 'delivery.attempt-failed', data: { failure: 'FORMAT', error: 'The template failed: no.', retryAt: expect.any(String) } },
    ]);
  });

  it('sends the routing key, and records it nowhere, though the receiver repeats it', async () => {
    const routingKey = 'R0123456789abcdefghijklmnopqrstu';
    await endpoint({ format: 'PAGERDUTY', formatOptions: { routingKey: cipher.seal(routingKey, 'formatOptions.routingKey') } });
    send.mockImplementationOnce(({ body }) => Promise.resolve({ ...broken(400), responseBody: `what is ${body}?` }));
    await runner.run(due());
    expect(JSON.parse(send.mock.calls[0]?.[0].body ?? '')).toMatchObject({ routing_key: routingKey, event_action: 'trigger' });
    const recorded = JSON.stringify(await store.readStream(deliveryStream(id)));
    expect(recorded).toContain('what is');
    expect(recorded).not.toContain(routingKey);
  });

  it('records no part of a secret that the receiver repeats where its response is cut', async () => {
    const routingKey = 'R0123456789abcdefghijklmnopqrstu';
    await endpoint({ format: 'PAGERDUTY', formatOptions: { routingKey: cipher.seal(routingKey, 'formatOptions.routingKey') } });
    send.mockResolvedValueOnce({ ...broken(400), responseBody: 'what is R0123456789abcdef', isBodyCut: true });
    await runner.run(due());
    const recorded = JSON.stringify(await store.readStream(deliveryStream(id)));
    expect(recorded).toContain('what is ••••••');
  });

  it('uses the configuration of the moment of the attempt', async () => {
    await endpoint();
    await append('endpoint-e1', { type: 'endpoint.url-changed', data: { url: harmlessUrl('https://corrected.example/') } }, 0);
    await runner.run(due());
    expect(await history()).toMatchObject([{ data: { url: 'https://corrected.example/', endpointRevision: 1 } }]);
  });

  it.each([
    ['STANDARD_WEBHOOKS', newSymmetricKey, 2],
    ['STANDARD_WEBHOOKS_ED25519', newPrivateKey, 2],
    ['WEBHOOK_SHA256', newTextKey, 1],
    ['SIGNATURE_SHA256', newTextKey, 1],
  ] as const)('signs by %s with every secret that is valid at that moment, where it can', async (signature, make, inGrace) => {
    const seal = (secret: string) => cipher.seal(secret, 'secret');
    const [old, fresh, until] = [make(), make(), '2026-01-02T12:00:00.000Z'];
    await endpoint({ signature }, { secret: seal(old) });
    await append('endpoint-e1', { type: 'endpoint.secret-rotated', data: { secret: seal(fresh), previousUntil: until } }, 0);
    send.mockResolvedValueOnce(broken(500));
    const timesOfAttempts = [Date.parse(until) - 1, Date.parse(until)];
    for (const [n, now] of timesOfAttempts.entries()) {
      vi.useFakeTimers({ toFake: ['Date'], now });
      await runner.run(n === 0 ? due() : due({ attempt: 2, failures: 1, revision: 0 }));
      const request = send.mock.calls[n]?.[0];
      const secrets = [fresh, old].slice(0, n === 0 ? inGrace : 1);
      const expected = sign(signature, { body: request?.body ?? '', messageId: m1, timestamp: new Date(now), secrets });
      expect(request?.headers).toMatchObject(expected);
    }
    expect(await history()).toHaveLength(2);
  });

  it('records nothing of an attempt that this machine could not make', async () => {
    await endpoint();
    const failure = new LocalFailure('EMFILE', 'Too many files.');
    send.mockRejectedValue(failure);
    await expect(runner.run(due())).rejects.toBe(failure);
    expect(await history()).toEqual([]);
    expect(observe.mock.calls).toEqual([[failure]]);
  });

  it('nor of one whose template no process could look at', async () => {
    await endpoint({ format: 'TEMPLATE', formatOptions: { template: '{}' } });
    evaluate.mockRejectedValue(new NotBegun('The template failed: its process could not be started.'));
    await expect(runner.run(due())).rejects.toThrow(LocalFailure);
    expect(await history()).toEqual([]);
    expect(send).not.toHaveBeenCalled();
  });

  const late = (responseCode: number): SendOutcome => ({
    outcome: 'failed',
    ...started,
    failure: responseCode === 200 ? 'TIMEOUT' : 'HTTP_STATUS',
    error: 'Late.',
    isLate: true,
    responseCode,
    responseHeaders: {},
    responseBody: '',
  });
  it.each<[string, SendOutcome, string]>([
    ['a success', ok, 'answers'],
    ['500', broken(500), 'answers'],
    ['429', broken(429), 'refuses'],
    ['503', broken(503), 'refuses'],
    ['a timeout', unanswered, 'silent'],
    ['a timeout after the head of a response', late(200), 'silent'],
    ['500 whose body never ended', late(500), 'silent'],
  ])('says what %s tells of the receiver', async (_, outcome, receiver) => {
    await endpoint();
    send.mockResolvedValue(outcome);
    expect((await runner.run(due())).receiver).toBe(receiver);
  });
});
