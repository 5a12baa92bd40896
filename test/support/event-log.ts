// Short hand for tests: the events of a log, as the deciders would write them.
import { batch, type BatchCommand, type BatchEvent } from '../../src/domain/batch.ts';
import type { DomainEvent } from '../../src/domain/catalog.ts';
import type { AttemptsCommand, RetryPolicy } from '../../src/domain/attempts.ts';
import { delivery, type DeliveryCommand, type DeliveryEvent, type DeliverySubject } from '../../src/domain/delivery.ts';
import { fold } from '../../src/domain/decider.ts';
import type { EndpointSettings } from '../../src/domain/endpoint-events.ts';
import { endpoint, type EndpointCommand } from '../../src/domain/endpoint.ts';
import type { BatchId, EndpointId, MessageId, OrganizationId, Position, ReplayId } from '../../src/domain/ids.ts';
import { replay } from '../../src/domain/replay.ts';
import { batchIdOf, deliveryIdOf, messageIdOf } from '../../src/event-store/id-generation.ts';
import type { MemoryEventStore } from './memory-event-store.ts';
import { batchStream, deliveryStream, endpointStream, replayStream, messageStream } from '../../src/domain/streams.ts';
import { settings as ofSamples } from './samples.ts';

export const settings: EndpointSettings = {
  ...ofSamples,
  name: 'An endpoint',
  retryPolicy: { delaysSeconds: [0, 60], jitter: 0 },
};

export const minute = 60_000;
export const hour = 60 * minute;

type MessageOptions = {
  type?: string;
  test?: true;
  skipped?: readonly string[];
  /** It takes turns at that endpoint, by that key. */
  inOrder?: { readonly at: string; readonly key: string };
};

/** Writes into a log at a clock that the test moves. */
export class EventLog {
  now = Date.parse('2026-01-01T12:00:00.000Z');

  constructor(
    readonly store: MemoryEventStore,
    private readonly organization = 'default' as OrganizationId,
  ) {}

  record(stream: string, ...events: readonly DomainEvent[]): Position {
    return this.store.record(...events.map((event) => ({ stream, event, at: new Date(this.now) })));
  }

  endpoint(id: string, ...commands: readonly EndpointCommand[]): EndpointId {
    const stream = endpointStream(id as EndpointId);
    for (const command of commands.length > 0 ? commands : [this.registering()]) this.decide(stream, endpoint, command);
    return id as EndpointId;
  }

  registering(changed: Partial<EndpointSettings> = {}): EndpointCommand {
    return { type: 'Register', organizationId: this.organization, settings: { ...settings, ...changed }, secret: null, disabled: false };
  }

  message(
    clientId: string,
    endpoints: readonly string[],
    { type = 'meeting.ended', test, skipped = [], inOrder }: MessageOptions = {},
  ): MessageId {
    const id = messageIdOf(this.organization, clientId);
    this.record(messageStream(id), {
      type: 'message.accepted',
      data: {
        organizationId: this.organization,
        clientId,
        type,
        timestamp: new Date(this.now).toISOString(),
        data: {},
        destinations: endpoints.map((endpointId) => ({
          endpointId: endpointId as EndpointId,
          ...(endpointId === inOrder?.at && { ordering: 'PER_KEY' as const }),
        })),
        ...(inOrder && { orderingKey: inOrder.key }),
        skipped: skipped as readonly EndpointId[],
        routedAt: '' as Position,
        ...(test ? { test } : {}),
      },
    });
    return id;
  }

  private subject(message: MessageId, to: string, test?: true): DeliverySubject {
    return { organizationId: this.organization, messageId: message, endpointId: to as EndpointId, ...(test ? { test } : {}) };
  }

  /** @param result the response code, or undefined for no connection */
  attempt(message: MessageId, to: string, attempt: number, result: number | undefined, test?: true): Position {
    const subject = this.subject(message, to, test);
    return this.deliver(subject, { subject, ...this.attempted(attempt, result, test ? { delaysSeconds: [0], jitter: 0 } : undefined) });
  }

  private attempted(attempt: number, result: number | undefined, policy: RetryPolicy = settings.retryPolicy): AttemptsCommand {
    const record = {
      attempt,
      startedAt: new Date(this.now).toISOString(),
      durationMs: 10,
      url: settings.url.shown,
      endpointRevision: 0,
      requestHeaders: {},
      ...(result === undefined ? {} : { responseCode: result }),
    };
    if (result !== undefined && result < 300) return { type: 'RecordSuccess', record };
    const failure = result === undefined ? ('CONNECTION' as const) : ('HTTP_STATUS' as const);
    return { type: 'RecordFailure', record, failure, error: 'It failed.', policy, random: 0 };
  }

  // ── Batches, by their numbers ──

  closeBatch(to: string, number: number, messages: readonly MessageId[]): BatchId {
    const endpointId = to as EndpointId;
    this.onBatch(to, number, { type: 'Close', organizationId: this.organization, endpointId, number, messages });
    return batchIdOf(endpointId, number);
  }

  attemptBatch(to: string, number: number, size: number, attempt: number, result: number | undefined): Position {
    return this.onBatch(to, number, { subject: this.batchSubject(to, size), ...this.attempted(attempt, result) });
  }

  retryBatch(to: string, number: number, size: number): Position {
    return this.onBatch(to, number, { type: 'RequestRetry', subject: this.batchSubject(to, size), now: new Date(this.now) });
  }

  cancelBatch(to: string, number: number, size: number): Position {
    return this.onBatch(to, number, { type: 'Cancel', subject: this.batchSubject(to, size), now: new Date(this.now), reason: 'a test' });
  }

  private batchSubject(to: string, size: number) {
    return { organizationId: this.organization, endpointId: to as EndpointId, size };
  }

  private onBatch(to: string, number: number, command: BatchCommand): Position {
    return this.decide<BatchCommand, BatchEvent, ReturnType<typeof batch.evolve>>(
      batchStream(batchIdOf(to as EndpointId, number)),
      batch,
      command,
    );
  }

  retry(message: MessageId, to: string): Position {
    const subject = this.subject(message, to);
    return this.deliver(subject, { type: 'RequestRetry', subject, now: new Date(this.now) });
  }

  cancel(message: MessageId, to: string): Position {
    const subject = this.subject(message, to);
    return this.deliver(subject, { type: 'Cancel', subject, now: new Date(this.now), reason: 'a test' });
  }

  // ── Replays ──

  requestReplay(to: string, id: string): ReplayId {
    const [organizationId, endpointId] = [this.organization, to as EndpointId];
    const request = { now: new Date(this.now), organizationId, endpointId, filter: { matching: false }, ratePerSecond: 10 };
    this.decide(replayStream(id as ReplayId), replay, { type: 'Request', ...request });
    return id as ReplayId;
  }

  progressReplay(id: string, after: MessageId): Position {
    const now = new Date(this.now);
    const counts = { cameTo: now.toISOString(), looked: 1, sent: 1 };
    return this.decide(replayStream(id as ReplayId), replay, { type: 'Progress', now, from: null, after, ...counts });
  }

  finishReplay(id: string): Position {
    return this.decide(replayStream(id as ReplayId), replay, { type: 'Finish', now: new Date(this.now) });
  }

  /** As the replayer sends it. */
  replay(message: MessageId, to: string, id: string): Position {
    const subject = this.subject(message, to);
    const messageType = this.isDestination(message, to) ? {} : { messageType: 'meeting.ended' };
    return this.deliver(subject, { type: 'Replay', subject, now: new Date(this.now), replayId: id as ReplayId, ...messageType });
  }

  replayBatch(to: string, number: number, size: number, id: string): Position {
    const subject = this.batchSubject(to, size);
    return this.onBatch(to, number, { type: 'Replay', subject, now: new Date(this.now), replayId: id as ReplayId });
  }

  private isDestination(message: MessageId, to: string): boolean {
    return this.store.log.some(
      ({ stream, data }) =>
        stream === messageStream(message) && 'destinations' in data && data.destinations.some((each) => each.endpointId === to),
    );
  }

  /** When it was accepted, or by a replay. */
  routed(message: MessageId, to: string): boolean {
    return this.isDestination(message, to) || !this.isNew(message, to);
  }

  isOpen(message: MessageId, to: string): boolean {
    // A delivery's stream holds its own events only.
    return (
      fold(delivery, this.of(deliveryStream(deliveryIdOf(message, to as EndpointId))) as unknown as DeliveryEvent[]).status === 'pending'
    );
  }

  /** Nothing became of it yet. */
  isNew(message: MessageId, to: string): boolean {
    return this.of(deliveryStream(deliveryIdOf(message, to as EndpointId))).length === 0;
  }

  isBatchOpen(to: string, number: number): boolean {
    return fold(batch, this.of(batchStream(batchIdOf(to as EndpointId, number))) as unknown as BatchEvent[]).status === 'pending';
  }

  private of(stream: string) {
    return this.store.log.filter((event) => event.stream === stream);
  }

  private deliver({ messageId, endpointId }: DeliverySubject, command: DeliveryCommand): Position {
    return this.decide(deliveryStream(deliveryIdOf(messageId, endpointId)), delivery, command);
  }

  private decide<C, E extends DomainEvent, S>(
    stream: string,
    decider: { initial: S; evolve: (state: S, event: E) => S; decide: (command: C, state: S) => readonly E[] },
    command: C,
  ): Position {
    // A stream holds the events of its own aggregate only.
    const history = this.of(stream) as unknown as E[];
    return this.record(stream, ...decider.decide(command, fold(decider, history)));
  }
}
