// The attempt runner: one attempt from due to recorded. Makes the request, sends it, and appends what came of it.
import { setTimeout as delay } from 'node:timers/promises';
import { delivery, deliveryStream, type AttemptRecord, type DeliveryCommand, type RetryPolicy } from '../domain/delivery.ts';
import type { Position } from '../domain/ids.ts';
import { messageStream, type MessageEvent } from '../domain/message.ts';
import { Ledger, type Cause } from '../commands/ledger.ts';
import { LogUnavailable, type EventStore, type RecordedEvent } from '../event-store/event-store.ts';
import type { EndpointDirectory, KnownEndpoint } from '../read-models/endpoint-directory.ts';
import type { ScheduleAttempt } from './delivery.saga.ts';
import { FormatError } from './formats/format-error.ts';
import { buildRequest, type BuiltRequest } from './request.ts';
import type { Sender, SendOutcome } from './sender.ts';

export type AttemptResult = {
  /** Where the outcome is recorded. */
  readonly position: Position;
  /** What it says about the receiver: `struggles` asks for fewer requests at a time. */
  readonly receiver: 'answers' | 'struggles' | 'unknown';
};

/** A test is one attempt. */
const testPolicy: RetryPolicy = { delaysSeconds: [0], jitter: 0 };

export class AttemptRunner {
  constructor(
    private readonly store: EventStore,
    private readonly ledger: Ledger,
    private readonly directory: EndpointDirectory,
    private readonly sender: Pick<Sender, 'send'>,
    private readonly userAgent: string,
    /** Told of every outcome, for the metrics. */
    private readonly observe: (outcome: SendOutcome) => void,
  ) {}

  /** Rejects only when the log refuses what was decided, which is a defect. */
  async run(due: ScheduleAttempt): Promise<AttemptResult> {
    const endpoint = this.directory.endpoint(due.subject.endpointId);
    if (!endpoint) return { position: await this.cancel(due), receiver: 'unknown' };
    // 1. Make the request from the message and the configuration of this moment.
    const message = due.message ?? (await this.read(due));
    const now = new Date();
    const request = this.build(due, endpoint, message, now);
    // 2. Send it.
    const outcome =
      request instanceof FormatError
        ? ({ outcome: 'failed', startedAt: now.toISOString(), durationMs: 0, failure: 'FORMAT', error: request.message } as const)
        : await this.sender.send({ ...request, timeoutSeconds: endpoint.configuration.settings.timeoutSeconds });
    this.observe(outcome);
    // 3. Record what came of it.
    const command = commandFor(due, endpoint, request instanceof FormatError ? undefined : request, outcome);
    const position = await this.record(due, command);
    // 4. Nothing is retried at an endpoint that has gone meanwhile.
    if (outcome.outcome === 'failed' && !this.directory.endpoint(endpoint.id))
      return { position: await this.cancel(due), receiver: 'unknown' };
    return { position, receiver: judge(outcome) };
  }

  private build(due: ScheduleAttempt, endpoint: KnownEndpoint, event: RecordedEvent<MessageEvent>, now: Date): BuiltRequest | FormatError {
    const { type, timestamp, data } = event.data;
    try {
      return buildRequest({
        message: { id: due.subject.messageId, type, timestamp, data },
        settings: endpoint.configuration.settings,
        headers: endpoint.headers,
        secrets: endpoint.secrets(now),
        attempt: due.attempt,
        now,
        userAgent: this.userAgent,
      });
    } catch (error) {
      if (error instanceof FormatError) return error;
      throw error;
    }
  }

  private async read({ subject }: ScheduleAttempt): Promise<RecordedEvent<MessageEvent>> {
    const [event] = await this.untilAvailable(() => this.store.readStream(messageStream(subject.messageId)));
    if (event?.type === 'message.accepted') return event;
    throw new Error(`The log has no message ${subject.messageId}, though a delivery of it is due.`);
  }

  private cancel(due: ScheduleAttempt): Promise<Position> {
    return this.record(due, { type: 'Cancel', subject: due.subject, now: new Date(), reason: 'the endpoint was deleted' }, true);
  }

  /** An attempt that was made must be recorded, so this goes on until the log takes it. */
  private async record(due: ScheduleAttempt, command: DeliveryCommand, reload = false): Promise<Position> {
    const { deliveryId, attempt, failuresInSeries, revision } = due;
    const known = { state: { status: 'pending', attempt, failuresInSeries }, revision } as const;
    const decision = { stream: deliveryStream(deliveryId), decider: delivery, command, ...(reload ? {} : { known }) };
    const cause: Cause = {
      actor: 'system:dispatcher',
      commandId: `${deliveryId}/${attempt}/${command.type === 'Cancel' ? 'cancel' : 'outcome'}`,
    };
    const { position } = await this.untilAvailable(() => this.ledger.execute(decision, cause));
    return position as Position; // the stream has an event now
  }

  private async untilAvailable<T>(work: () => Promise<T>): Promise<T> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5000)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        await delay(wait);
      }
    }
  }
}

const judge = (outcome: SendOutcome): AttemptResult['receiver'] => {
  if (outcome.outcome === 'succeeded') return 'answers';
  if (outcome.responseCode !== undefined) return outcome.responseCode === 429 || outcome.responseCode === 503 ? 'struggles' : 'answers';
  return outcome.failure === 'FORMAT' ? 'unknown' : 'struggles';
};

const commandFor = (
  { subject, attempt }: ScheduleAttempt,
  { revision, configuration }: KnownEndpoint,
  request: BuiltRequest | undefined,
  outcome: SendOutcome,
): DeliveryCommand => {
  const record: AttemptRecord = {
    attempt,
    startedAt: outcome.startedAt,
    durationMs: outcome.durationMs,
    url: configuration.settings.url,
    endpointRevision: revision,
    requestHeaders: request?.maskedHeaders ?? {},
    ...(request ? { bodySha256: request.bodySha256 } : {}),
    ...(outcome.responseCode === undefined
      ? {}
      : { responseCode: outcome.responseCode, responseHeaders: outcome.responseHeaders, responseBody: outcome.responseBody }),
  };
  if (outcome.outcome === 'succeeded') return { type: 'RecordSuccess', subject, record };
  const { failure, error, retryAfter } = outcome;
  const policy = subject.test ? testPolicy : configuration.settings.retryPolicy;
  return { type: 'RecordFailure', subject, record, failure, error, policy, random: Math.random(), notBefore: retryAfter };
};
