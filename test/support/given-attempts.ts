// Given a log, an endpoint and an attempt runner whose requests are answered as a test says: the fixture of their specs.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { dueCause, accepted, organizationId, registered } from './samples.ts';
import { silent } from './silent.ts';
import { CommandExecutor } from '../../src/commands/command-executor.ts';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import { delivery, type DeliveryCommand } from '../../src/domain/delivery.ts';
import type { EndpointSettings } from '../../src/domain/endpoint-events.ts';
import type { EndpointId, MessageId } from '../../src/domain/ids.ts';
import type { MessageEvent } from '../../src/domain/message.ts';
import type { ExpectedRevision, RecordedEvent } from '../../src/event-store/event-store.ts';
import { deliveryIdOf, newId } from '../../src/event-store/id-generation.ts';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.ts';
import { EndpointDirectory } from '../../src/read-models/directory/endpoint-directory.ts';
import { Vault } from '../../src/secrets/vault.ts';
import { AttemptRunner } from '../../src/delivery/attempts/attempt-runner.ts';
import { ScheduleAttempt } from '../../src/delivery/saga/saga-commands.ts';
import { LocalFailure } from '../../src/delivery/local-failure.ts';
import type { TemplateProcesses } from '../../src/delivery/formats/template-processes.ts';
import { RequestMaker } from '../../src/delivery/attempts/request-maker.ts';
import type { SendOutcome, SendRequest } from '../../src/delivery/sender/send-outcome.ts';
import { deliveryStream } from '../../src/domain/streams.ts';

export const e1 = 'e1' as EndpointId;
export const m1 = 'm1' as MessageId;
export const subject = { organizationId, messageId: m1, endpointId: e1 };
export const id = deliveryIdOf(m1, e1);
export const started = { startedAt: '2026-01-01T12:00:00.000Z', durationMs: 1000 };
export const response = (responseCode: number) => ({ responseCode, responseHeaders: { server: 'x' }, responseBody: 'thanks' });
export const ok: SendOutcome = { outcome: 'succeeded', ...started, ...response(200) };
export const broken = (responseCode: number, retryAfter?: Date): SendOutcome => ({
  outcome: 'failed',
  ...started,
  failure: 'HTTP_STATUS',
  error: 'It answered so.',
  ...response(responseCode),
  ...(retryAfter ? { retryAfter } : {}),
});
export const unanswered: SendOutcome = { outcome: 'failed', ...started, failure: 'TIMEOUT', error: 'No answer.' };

export let folder: string;
export let store: SqliteEventStore;
export let directory: EndpointDirectory;
export let message: RecordedEvent<MessageEvent>;
export let runner: AttemptRunner;
const vault = new Vault(randomBytes(32));
const encryptionKey = vault.newKey(`organization-${organizationId}`);
export const cipher = vault.keyring([encryptionKey], `organization-${organizationId}`).cipherFor('endpoint-e1');
export const send = vi.fn<(request: SendRequest) => Promise<SendOutcome>>();
export const observe = vi.fn<(outcome: SendOutcome | LocalFailure) => void>();
export const evaluate = vi.fn<TemplateProcesses['evaluate']>();

export const append = async (stream: string, event: DomainEvent, expectedRevision: ExpectedRevision = 'no-stream') => {
  const [done] = await store.append([{ stream, expectedRevision, events: [{ ...event, id: newId(), metadata: { actor: 'test' } }] }]);
  if (done && !stream.startsWith('message-') && !stream.startsWith('delivery-'))
    expect(await directory.progress.reached(done.position, 5000)).toBe(true);
};
export const endpoint = (changed: Partial<EndpointSettings> = {}, more = {}) => append('endpoint-e1', registered(changed, more));
export const remove = () => append('endpoint-e1', { type: 'endpoint.deleted', data: {} }, 0);
export const due = (more: { attempt?: number; failures?: number; revision?: ExpectedRevision; test?: true; read?: boolean } = {}) => {
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
export const history = async () => (await store.readStream(deliveryStream(id))).map(({ type, data }) => ({ type, data }));
export const byHand = (command: DeliveryCommand) =>
  new CommandExecutor(store).execute({ stream: deliveryStream(id), decider: delivery, command }, { actor: 'test', commandId: newId() });

/** A log with one organization and one message for each test. */
export const setUp = (): void => {
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
};
