// The attempt runner: one attempt from due to recorded. Makes the request, sends it, and appends what came of it.
import { attemptEndedAt, type AttemptRecord, type AttemptsCommand, type RetryPolicy } from '../../domain/attempts.ts';
import { batch } from '../../domain/batch.ts';
import { delivery } from '../../domain/delivery.ts';
import { maskOptions } from '../../domain/format-options.ts';
import type { BatchId, DeliveryId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { CommandExecutor, type Cause } from '../../commands/command-executor.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import { isBatch, type ScheduleAttempt, type AttemptSubject } from '../saga/saga-commands.ts';
import { FormatError } from '../formats/format-error.ts';
import type { RequestMaker } from './request-maker.ts';
import type { BuiltRequest } from './request.ts';
import type { SendOutcome } from '../sender/send-outcome.ts';
import type { Sender } from '../sender/sender.ts';
import { messagesOf } from './sent-messages.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream, deliveryStream, messageIdIn } from '../../domain/streams.ts';

export type AttemptResult = {
  /** Where the outcome is recorded. */
  readonly position: Position;
  /** What it says about the receiver: `struggles` asks for fewer requests at a time. */
  readonly receiver: 'answers' | 'struggles' | 'unknown';
};

/** `repeated`: told of each attempt that another replica had made and recorded already. */
export type ReplicaHooks = { readonly repeated: () => void };

/** A test is one attempt. */
const testPolicy: RetryPolicy = { delaysSeconds: [0], jitter: 0 };

export class AttemptRunner {
  constructor(
    private readonly store: EventStore,
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly sender: Pick<Sender, 'send'>,
    private readonly requests: Pick<RequestMaker, 'make'>,
    /** Told of every outcome, for the metrics. */
    private readonly observe: (outcome: SendOutcome) => void,
    /** Undefined: no other process sends. */
    private readonly among?: ReplicaHooks,
  ) {}

  /**
   * Rejects only when the log refuses what was decided, which is a defect.
   * @param answered told when the request is over, which is before it is recorded
   */
  async run(due: ScheduleAttempt, answered: () => void = () => undefined): Promise<AttemptResult> {
    const { endpointId } = due.subject;
    const endpoint = this.directory.endpoint(endpointId) ?? (await this.directory.whenAvailable(endpointId));
    if (!endpoint) return { position: await this.cancel(due), receiver: 'unknown' };
    // 1. Make the request from the messages and the configuration of this moment.
    const messages = due.messages ?? (await messagesOf(due, this.store));
    const now = new Date();
    const made = this.build(due, endpoint, messages, now);
    const request = made instanceof Promise ? await made : made;
    // 2. Send it.
    const outcome =
      request instanceof FormatError
        ? ({ outcome: 'failed', startedAt: now.toISOString(), durationMs: 0, failure: 'FORMAT', error: request.message } as const)
        : await this.sender.send({ ...request, timeoutSeconds: endpoint.configuration.settings.timeoutSeconds });
    answered();
    this.observe(outcome);
    // 3. Record what came of it.
    const command = commandFor(due, endpoint, request instanceof FormatError ? undefined : request, outcome);
    const position = await this.record(due, command);
    // 4. Nothing is retried at an endpoint that has gone meanwhile.
    if (outcome.outcome === 'failed' && !this.directory.endpoint(endpoint.id))
      return { position: await this.cancel(due), receiver: 'unknown' };
    return { position, receiver: judge(outcome) };
  }

  /** At once but for templates. */
  private build(
    { id, subject, attempt }: ScheduleAttempt,
    endpoint: ResolvedEndpoint,
    events: readonly RecordedEvent<MessageEvent>[],
    now: Date,
  ): BuiltRequest | FormatError | Promise<BuiltRequest | FormatError> {
    const messages = events.map(({ stream, data: { type, timestamp, data } }) => ({
      id: messageIdIn(stream),
      type,
      timestamp,
      data,
    }));
    const sent = {
      id: isBatch(subject) ? id : subject.messageId,
      messages: isBatch(subject) || endpoint.configuration.settings.batch || !messages[0] ? messages : messages[0],
    };
    try {
      const request = this.requests.make(endpoint, sent, attempt, now);
      return request instanceof Promise ? request.catch(refused) : request;
    } catch (error) {
      return refused(error);
    }
  }

  private cancel(due: ScheduleAttempt): Promise<Position> {
    return this.record(due, { type: 'Cancel', now: new Date(), reason: 'the endpoint was deleted' }, true);
  }

  /** An attempt that was made must be recorded, so this goes on until the log takes it. */
  private async record(due: ScheduleAttempt, command: AttemptsCommand, reload = false): Promise<Position> {
    const { id, subject, attempt, failuresInSeries, revision } = due;
    const commandId = 'record' in command ? outcomeCommand(id, command.record, this.among !== undefined) : `${id}/${attempt}/cancel`;
    const cause: Cause = { actor: 'system:dispatcher', commandId, ...due.cause };
    const pending = { status: 'pending', attempt, failuresInSeries } as const;
    const { position, events } = await retryUntilLogAvailable((): Promise<Recorded> => {
      if (!isBatch(subject)) {
        const decision = { stream: deliveryStream(id as DeliveryId), decider: delivery, command: { ...command, subject } };
        return this.executor.execute(reload ? decision : { ...decision, expected: { state: pending, revision } }, cause);
      }
      const decision = { stream: batchStream(id as BatchId), decider: batch, command: { ...command, subject } };
      // What is in it plays no part in what is decided here.
      return this.executor.execute(reload ? decision : { ...decision, expected: { state: { ...pending, messages: [] }, revision } }, cause);
    });
    if (events.length === 0 && command.type !== 'Cancel') this.among?.repeated();
    return position as Position; // the stream has an event now
  }
}

/**
 * The id of the command that records an attempt. Two replicas that made the same one are two causes, so that the second is told that it is recorded:
 * told apart by when it was over, which the log knows, so that the id can be worked out again.
 */
const outcomeCommand = (id: string, record: AttemptRecord, isAmongReplicas: boolean) =>
  `${id}/${record.attempt}/outcome${isAmongReplicas ? `/${attemptEndedAt(record)}` : ''}`;

type Recorded = { readonly position: Position | undefined; readonly events: readonly unknown[] };

const isTest = (subject: AttemptSubject) => !isBatch(subject) && subject.test === true;

const refused = (error: unknown): FormatError => {
  if (error instanceof FormatError) return error;
  throw error;
};

const judge = (outcome: SendOutcome): AttemptResult['receiver'] => {
  if (outcome.outcome === 'succeeded') return 'answers';
  if (outcome.responseCode !== undefined) return outcome.responseCode === 429 || outcome.responseCode === 503 ? 'struggles' : 'answers';
  return outcome.failure === 'FORMAT' ? 'unknown' : 'struggles';
};

const commandFor = (
  { subject, attempt }: ScheduleAttempt,
  { revision, configuration, formatOptions }: ResolvedEndpoint,
  request: BuiltRequest | undefined,
  outcome: SendOutcome,
): AttemptsCommand => {
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
      : {
          responseCode: outcome.responseCode,
          responseHeaders: outcome.responseHeaders,
          responseBody: outcome.responseBody && maskOptions(outcome.responseBody, formatOptions),
        }),
  };
  if (outcome.outcome === 'succeeded') return { type: 'RecordSuccess', record };
  const { failure, error, retryAfter } = outcome;
  const policy = isTest(subject) ? testPolicy : configuration.settings.retryPolicy;
  return { type: 'RecordFailure', record, failure, error, policy, random: Math.random(), notBefore: retryAfter };
};
