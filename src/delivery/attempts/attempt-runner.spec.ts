import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dueCause, accepted, harmlessUrl, organizationId, registered } from '../../../test/support/samples.ts';
import { silent } from '../../../test/support/silent.ts';
import { CommandExecutor } from '../../commands/command-executor.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import { delivery, type DeliveryCommand } from '../../domain/delivery.ts';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { EndpointId, MessageId } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { LogUnavailable, type ExpectedRevision, type RecordedEvent } from '../../event-store/event-store.ts';
import { deliveryIdOf, newId } from '../../event-store/id-generation.ts';
import { SqliteEventStore } from '../../event-store/sqlite/sqlite-event-store.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { newPrivateKey, newSymmetricKey, newTextKey } from '../../secrets/signing-keys.ts';
import { Vault } from '../../secrets/vault.ts';
import { AttemptRunner } from './attempt-runner.ts';
import { ScheduleAttempt } from '../saga/saga-commands.ts';
import { FormatError, NotBegun } from '../formats/format-error.ts';
import { LocalFailure } from '../local-failure.ts';
import type { TemplateProcesses } from '../formats/template-processes.ts';
import { RequestMaker } from './request-maker.ts';
import type { SendOutcome, SendRequest } from '../sender/send-outcome.ts';
import { sign } from '../signatures/signature.ts';
import { deliveryStream } from '../../domain/streams.ts';

const e1 = 'e1' as EndpointId;
const m1 = 'm1' as MessageId;
const subject = { organizationId, messageId: m1, endpointId: e1 };
const id = deliveryIdOf(m1, e1);
const started = { startedAt: '2026-01-01T12:00:00.000Z', durationMs: 1000 };
const response = (responseCode: number) => ({ responseCode, responseHeaders: { server: 'x' }, responseBody: 'thanks' });
const ok: SendOutcome = { outcome: 'succeeded', ...started, ...response(200) };
const broken = (responseCode: number, retryAfter?: Date): SendOutcome => ({
  outcome: 'failed',
  ...started,
  failure: 'HTTP_STATUS',
  error: 'It answered so.',
  ...response(responseCode),
  ...(retryAfter ? { retryAfter } : {}),
});
const unanswered: SendOutcome = { outcome: 'failed', ...started, failure: 'TIMEOUT', error: 'No answer.' };

describe('the attempt runner', () => {
  let folder: string;
  let store: SqliteEventStore;
  let directory: EndpointDirectory;
  let message: RecordedEvent<MessageEvent>;
  let runner: AttemptRunner;
  const vault = new Vault(randomBytes(32));
  const encryptionKey = vault.newKey(`organization-${organizationId}`);
  const cipher = vault.keyring([encryptionKey], `organization-${organizationId}`).cipherFor('endpoint-e1');
  const send = vi.fn<(request: SendRequest) => Promise<SendOutcome>>();
  const observe = vi.fn<(outcome: SendOutcome | LocalFailure) => void>();
  const evaluate = vi.fn<TemplateProcesses['evaluate']>();

  const append = async (stream: string, event: DomainEvent, expectedRevision: ExpectedRevision = 'no-stream') => {
    const [done] = await store.append([{ stream, expectedRevision, events: [{ ...event, id: newId(), metadata: { actor: 'test' } }] }]);
    if (done && !stream.startsWith('message-') && !stream.startsWith('delivery-'))
      expect(await directory.progress.reached(done.position, 5000)).toBe(true);
  };
  const endpoint = (changed: Partial<EndpointSettings> = {}, more = {}) => append('endpoint-e1', registered(changed, more));
  const remove = () => append('endpoint-e1', { type: 'endpoint.deleted', data: {} }, 0);
  const due = (more: { attempt?: number; failures?: number; revision?: ExpectedRevision; test?: true; read?: boolean } = {}) => {
    const { attempt = 1, failures = 0, revision = 'no-stream', test, read } = more;
    return new ScheduleAttempt(
      id,
      { ...subject, ...(test ? { test } : {}) },
      attempt,
      failures,
      revision,
      0,
      dueCause,
      read ? undefined : [message],
    );
  };
  const history = async () => (await store.readStream(deliveryStream(id))).map(({ type, data }) => ({ type, data }));
  const byHand = (command: DeliveryCommand) =>
    new CommandExecutor(store).execute({ stream: deliveryStream(id), decider: delivery, command }, { actor: 'test', commandId: newId() });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'attempt-runner-'));
    store = await SqliteEventStore.open({ directory: folder });
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    await append(`organization-${organizationId}`, { type: 'organization.registered', data: { name: 'O', encryptionKey } });
    await append('message-m1', accepted([e1]));
    [message] = (await store.readStream('message-m1')) as [RecordedEvent<MessageEvent>];
    send.mockReset().mockResolvedValue(ok);
    observe.mockReset();
    runner = new AttemptRunner(
      store,
      new CommandExecutor(store),
      directory,
      { send, prepare: () => true },
      new RequestMaker({ evaluate }, 'Hookledger/1'),
      observe,
    );
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.useRealTimers();
    await directory.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

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
    expect(evaluate).toHaveBeenCalledWith(e1, 'data', expect.objectContaining({ id: m1, data: { severity: 'critical' } }));
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

  it('cancels what is due to an endpoint that is gone, and sends nothing', async () => {
    await endpoint();
    await remove();
    const result = await runner.run(due());
    expect(send).not.toHaveBeenCalled();
    expect(await history()).toMatchObject([{ type: 'delivery.cancelled', data: { reason: 'the endpoint was deleted' } }]);
    expect(result.position).toBe(await store.tip());
  });

  it('waits for an endpoint that the directory has not come to yet, as when another replica made it', async () => {
    send.mockResolvedValue(ok);
    const running = runner.run(due());
    await endpoint();
    await running;
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-succeeded']);
  });

  it('records an attempt once that two replicas made, and says so to the second', async () => {
    await endpoint();
    send.mockResolvedValueOnce(ok).mockResolvedValueOnce({ ...ok, durationMs: ok.durationMs + 1 });
    const repeated = vi.fn<() => void>();
    const replica = () => {
      const requests = new RequestMaker({ evaluate }, 'Hookledger/1');
      return new AttemptRunner(store, new CommandExecutor(store), directory, { send, prepare: () => true }, requests, observe, {
        repeated,
      });
    };
    await Promise.all([replica().run(due()), replica().run(due())]);
    expect(send).toHaveBeenCalledTimes(2);
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-succeeded']);
    expect(repeated).toHaveBeenCalledOnce();
  });

  it('retries nothing at an endpoint that was deleted during the attempt, and keeps a success', async () => {
    await endpoint();
    send.mockImplementationOnce(async () => {
      await remove();
      return broken(500);
    });
    const { position } = await runner.run(due());
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.attempt-failed', 'delivery.cancelled']);
    expect(position).toBe(await store.tip());
  });

  it('records an attempt that a cancellation overtook', async () => {
    await endpoint();
    send.mockImplementationOnce(async () => {
      await byHand({ type: 'Cancel', subject, now: new Date(), reason: 'by hand' });
      return ok;
    });
    await runner.run(due());
    expect((await history()).map(({ type }) => type)).toEqual(['delivery.cancelled', 'delivery.attempt-succeeded']);
  });

  it('records an attempt during which a person asked for a retry, as the first of the fresh series', async () => {
    await endpoint();
    send.mockResolvedValue(broken(500));
    await runner.run(due());
    send.mockImplementationOnce(async () => {
      await byHand({ type: 'RequestRetry', subject, now: new Date() });
      return broken(500);
    });
    await runner.run(due({ attempt: 2, failures: 1, revision: 0 }));
    expect((await history()).at(-1)).toMatchObject({ type: 'delivery.attempt-failed', data: { attempt: 2, failuresInSeries: 1 } });
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
