// A log of any length as the service would write it, put together from the deciders: configuration that changes, messages that are routed by it,
// deliveries and batches that succeed, are retried and fail. For checking it, damaging it, and measuring how fast it is checked.
import { apiKey } from '../../src/domain/api-key.ts';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import type { AttemptsCommand } from '../../src/domain/attempts.ts';
import { batch } from '../../src/domain/batch.ts';
import { fold, type Decider } from '../../src/domain/decider.ts';
import { delivery, type DeliveryEvent } from '../../src/domain/delivery.ts';
import type { EndpointSettings } from '../../src/domain/endpoint-events.ts';
import { endpoint, type EndpointCommand } from '../../src/domain/endpoint.ts';
import { bulkRetry, type BulkRetryCommand } from '../../src/domain/bulk-retry.ts';
import type { ApiKeyId, BulkRetryId, EndpointId, MessageId, Position, ReplayId, SourceId } from '../../src/domain/ids.ts';
import { reading } from '../../src/domain/reading.ts';
import { replay, type ReplayCommand } from '../../src/domain/replay.ts';
import { ownOnly, source } from '../../src/domain/source.ts';
import { codec } from '../../src/event-store/codec.ts';
import { batchIdOf, deliveryIdOf, eventIdOf, messageIdOf } from '../../src/event-store/id-generation.ts';
import type { EventToStore } from '../../src/event-store/stored-log.ts';
import { accepted, harmlessUrl, organizationId, settings } from './samples.ts';
import {
  apiKeyStream,
  batchStream,
  bulkRetryStream,
  deliveryStream,
  endpointStream,
  messageStream,
  organizationStream,
  readingStream,
  replayStream,
  sourceStream,
} from '../../src/domain/streams.ts';

const idOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const endpoints = { all: idOf(1), batched: idOf(2), disabled: idOf(3), other: idOf(4), pointed: idOf(8) } as Record<
  'all' | 'batched' | 'disabled' | 'other' | 'pointed',
  EndpointId
>;
const policy = { delaysSeconds: [0, 60], jitter: 0 };
const began = Date.parse('2026-01-01T12:00:00.000Z');
const perBatch = 5;

/** Events in log order, from position 1 on: the log must be empty, and have positions as the embedded one has. */
export class MadeLog {
  private position = 0;
  private readonly histories = new Map<string, DomainEvent[]>();
  private routedAt = '' as Position;
  private messages = 0;
  private gathered: MessageId[] = [];
  private batches = 0;
  private events: EventToStore[] = [];

  /** The configuration, then so many messages with all that becomes of them. */
  *make(messages: number): Generator<readonly EventToStore[]> {
    this.configure();
    for (let n = 0; n < messages; n++) {
      if (n === Math.floor(messages / 2)) this.reconfigure();
      this.message();
      if (this.events.length >= 1_000) yield this.take();
    }
    yield this.take();
  }

  private take() {
    const { events } = this;
    this.events = [];
    return events;
  }

  private record(stream: string, event: DomainEvent, command: string, actor: string): void {
    const history = this.histories.get(stream) ?? [];
    const revision = history.length;
    this.histories.set(stream, [...history, event]);
    this.position += 1;
    const { id, type, data, metadata } = codec.encode({ ...event, id: eventIdOf(command, stream, revision), metadata: { actor } });
    this.events.push({ id, type, data, metadata, stream, revision });
    if (/^(organization|endpoint)-/.test(stream)) this.routedAt = String(this.position).padStart(16, '0') as Position;
  }

  private decide<C, E extends DomainEvent, S>(
    stream: string,
    decider: Decider<C, E, S>,
    command: C,
    commandId: string,
    actor: string,
  ): void {
    const state = fold(decider, (this.histories.get(stream) ?? []) as E[]); // a stream holds the events of its own aggregate
    for (const event of decider.decide(command, state)) this.record(stream, event, commandId, actor);
  }

  private configure(): void {
    const stream = organizationStream(organizationId);
    this.record(stream, { type: 'organization.registered', data: { name: 'Default', encryptionKey: 'v1.key' } }, 'setup', 'system:setup');
    const defined = { name: 'alert.created', group: 'alerts', description: null, sample: null };
    this.record(stream, { type: 'organization.event-type-defined', data: defined }, 'define', 'apikey:admin');
    this.register('all', { eventTypes: ['alerts'] });
    this.register('batched', { batch: { maxSize: perBatch, maxWaitMs: 100 } });
    this.register('disabled', {}, true);
    const issue = { type: 'IssueApiKey', organizationId, name: 'publisher', role: 'PUBLISHER', hash: 'ab'.repeat(32) } as const;
    this.decide(apiKeyStream(idOf(5) as ApiKeyId), apiKey, issue, 'issue', 'apikey:admin');
    this.readSource();
  }

  /** Of another service: a hundred events of it, in two steps. */
  private readSource(): void {
    const id = idOf(6) as SourceId;
    const selection = { streams: { by: 'CATEGORY', value: 'order' } as const, eventTypes: [], types: {}, template: null, ...ownOnly };
    const register = { type: 'Register', organizationId, settings: { name: 'orders', ...selection }, after: null } as const;
    this.decide(sourceStream(id), source, register, 'source', 'apikey:admin');
    this.decide(sourceStream(id), source, { type: 'Pause' }, 'pause', 'apikey:admin');
    const [half, whole] = ['00000000000000aa', '00000000000000bb'] as Position[];
    const skipped = { id: idOf(7), stream: 'order-1', revision: 3, position: half!, type: 'OrderPlaced', reason: 'It is not JSON.' };
    const advance = { type: 'Advance', from: null, to: half!, published: 49, skipped: [skipped] } as const;
    this.decide(readingStream(id), reading, advance, 'advance 1', 'system:source:orders');
    const further = { type: 'Advance', from: half!, to: whole!, published: 50, skipped: [] } as const;
    this.decide(readingStream(id), reading, further, 'advance 2', 'system:source:orders');
  }

  /** In the middle of it all: what was routed before stays as it was. */
  private reconfigure(): void {
    this.register('other', { filter: { severity: 'critical' } });
    this.onEndpoint('disabled', { type: 'Enable' });
    this.onEndpoint('all', { type: 'Change', settings: { eventTypes: ['nothing.else'] } });
    this.hideFromPortals();
  }

  /** From here on the messages' type is internal, so it does not go to the endpoint that a portal session has made and changed. */
  private hideFromPortals(): void {
    const internalTypes = { names: new Set(['alert.created']), areHidden: true };
    const audience = { name: 'alert.created', group: 'alerts', description: null, sample: null, audience: 'INTERNAL' } as const;
    this.record(organizationStream(organizationId), { type: 'organization.event-type-defined', data: audience }, 'hide', 'apikey:admin');
    const register = { type: 'Register', organizationId, settings, secret: null, disabled: false, internalTypes } as const;
    this.onEndpoint('pointed', register, 'portal:anna');
    for (const changed of [{ eventTypes: ['alerts', 'order.made'] }, { url: harmlessUrl('https://elsewhere.example/') }])
      this.onEndpoint('pointed', { type: 'Change', settings: changed, internalTypes }, 'portal:anna');
  }

  private register(name: keyof typeof endpoints, changed: Partial<EndpointSettings>, disabled = false): void {
    const all = { ...settings, retryPolicy: policy, ...changed };
    this.onEndpoint(name, { type: 'Register', organizationId, settings: all, secret: null, disabled });
  }

  private onEndpoint(name: keyof typeof endpoints, command: EndpointCommand, actor = 'apikey:admin'): void {
    this.decide(endpointStream(endpoints[name]), endpoint, command, `${name} ${this.position}`, actor);
  }

  private message(): void {
    const n = this.messages++;
    const clientId = `m${n}`;
    const id = messageIdOf(organizationId, clientId);
    const isLate = this.histories.has(endpointStream(endpoints.other));
    const destinations = isLate ? [endpoints.batched, endpoints.disabled, endpoints.other] : [endpoints.all, endpoints.batched];
    const skipped = isLate ? [] : [endpoints.disabled];
    const data = { severity: 'critical', n, text: 'Something happened that somebody wants to know.' };
    const event = accepted(destinations, { clientId, data, skipped, routedAt: this.routedAt });
    this.record(messageStream(id), event, `publish ${n}`, 'apikey:publisher');
    for (const endpointId of destinations) if (endpointId !== endpoints.batched) this.deliver(id, endpointId, n);
    if (n === 20) this.replay(id, event.data.type);
    if (n === 20) this.retryInBulk(id);
    this.gathered.push(id);
    if (this.gathered.length === perBatch) this.sendBatch();
    for (const stream of this.histories.keys()) if (/^(message|delivery|batch)-/.test(stream)) this.histories.delete(stream); // they are over
  }

  /** One in ten fails at first, one in a hundred for good, and is retried by a person then. */
  private deliver(messageId: MessageId, endpointId: EndpointId, n: number): void {
    const id = deliveryIdOf(messageId, endpointId);
    const subject = { organizationId, messageId, endpointId };
    const step = (command: AttemptsCommand, commandId: string, actor = 'system:dispatcher') =>
      this.decide(deliveryStream(id), delivery, { ...command, subject }, commandId, actor);
    let attempt = 1;
    const attempted = (responseCode: number) => step(this.outcome(attempt, responseCode), `${id}/${attempt++}/outcome`);
    if (n % 10 === 0) attempted(503);
    if (n % 100 === 0) {
      attempted(500);
      step({ type: 'RequestRetry', now: new Date(began) }, `retry ${n}`, 'apikey:admin');
    }
    if (n % 250 === 10) step({ type: 'Cancel', now: new Date(began), reason: 'a person cancelled it' }, `cancel ${n}`, 'apikey:admin');
    else attempted(200);
  }

  /** To an endpoint that it was not routed to. */
  private replay(messageId: MessageId, messageType: string): void {
    const endpointId = endpoints.disabled;
    const now = new Date(began);
    const replayId = idOf(9) as ReplayId;
    const onReplay = (command: ReplayCommand, commandId: string, actor: string) =>
      this.decide(replayStream(replayId), replay, command, commandId, actor);
    const asked = { organizationId, endpointId, filter: { matching: false }, ratePerSecond: 10 };
    onReplay({ type: 'Request', now, ...asked }, 'replay', 'apikey:admin');
    const id = deliveryIdOf(messageId, endpointId);
    const subject = { organizationId, messageId, endpointId };
    const command = { type: 'Replay', now, replayId, subject, messageType } as const;
    this.decide(deliveryStream(id), delivery, command, replayId, 'system:replayer');
    this.decide(deliveryStream(id), delivery, { ...this.outcome(1, 200), subject }, `${id}/1/outcome`, 'system:dispatcher');
    const came = { from: null, after: messageId, cameTo: now.toISOString(), looked: 21, sent: 1 };
    onReplay({ type: 'Progress', now, ...came }, replayId, 'system:replayer');
    onReplay({ type: 'Finish', now }, replayId, 'system:replayer');
  }

  /** What the message was sent to is sent to it again. */
  private retryInBulk(messageId: MessageId): void {
    const endpointId = endpoints.all;
    const now = new Date(began);
    const bulkRetryId = idOf(10) as BulkRetryId;
    const onBulkRetry = (command: BulkRetryCommand, commandId: string, actor: string) =>
      this.decide(bulkRetryStream(bulkRetryId), bulkRetry, command, commandId, actor);
    const filter = { status: ['SUCCEEDED' as const], endpointId };
    onBulkRetry({ type: 'Request', now, organizationId, filter, matched: 1 }, 'bulk retry', 'apikey:admin');
    const id = deliveryIdOf(messageId, endpointId);
    onBulkRetry({ type: 'Progress', now, step: 0, endpointId, after: id, retried: 1 }, bulkRetryId, 'system:bulk-retrier');
    const stream = deliveryStream(id);
    const subject = { organizationId, messageId, endpointId };
    this.decide(stream, delivery, { type: 'RequestRetry', now, bulkRetryId, subject }, bulkRetryId, 'system:bulk-retrier');
    const { attempt } = fold(delivery, (this.histories.get(stream) ?? []) as DeliveryEvent[]);
    this.decide(stream, delivery, { ...this.outcome(attempt, 200), subject }, `${id}/${attempt}/outcome`, 'system:dispatcher');
    onBulkRetry({ type: 'Finish', now }, bulkRetryId, 'system:bulk-retrier');
  }

  private sendBatch(): void {
    const number = ++this.batches;
    const endpointId = endpoints.batched;
    const id = batchIdOf(endpointId, number);
    const messages = this.gathered;
    this.gathered = [];
    const close = { type: 'Close', organizationId, endpointId, number, messages } as const;
    this.decide(batchStream(id), batch, close, `${id}/${messages.join()}`, 'system:dispatcher');
    const subject = { organizationId, endpointId, size: messages.length };
    const codes = number % 7 === 0 ? [500, 204] : [204];
    for (const [i, code] of codes.entries())
      this.decide(batchStream(id), batch, { ...this.outcome(i + 1, code), subject }, `${id}/${i + 1}/outcome`, 'system:dispatcher');
  }

  private outcome(attempt: number, responseCode: number): AttemptsCommand {
    const record = {
      attempt,
      startedAt: new Date(began + this.messages * 100).toISOString(),
      durationMs: 12.5,
      url: settings.url.shown,
      endpointRevision: 0,
      bodySha256: 'ab'.repeat(32),
      requestHeaders: { 'user-agent': 'Hookledger/0.1.0', 'content-type': 'application/json', 'webhook-attempt': String(attempt) },
      responseCode,
      responseHeaders: { date: 'Thu, 01 Jan 2026 12:00:00 GMT', 'content-length': '2' },
      responseBody: 'ok',
    };
    if (responseCode < 300) return { type: 'RecordSuccess', record };
    return { type: 'RecordFailure', record, failure: 'HTTP_STATUS', error: `The receiver answered ${responseCode}.`, policy, random: 0.5 };
  }
}
