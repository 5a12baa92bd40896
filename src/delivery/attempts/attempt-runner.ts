// The attempt runner: takes one attempt from due to recorded. Makes the request, sends it, and appends its outcome.
import { attemptEndedAt, testPolicy, type AttemptRecord, type AttemptsCommand } from '../../domain/attempts.ts';
import { batch } from '../../domain/batch.ts';
import { outcomeOf, type AttemptOutcome } from '../../domain/circuit.ts';
import { delivery } from '../../domain/delivery.ts';
import { asBatchId, asDeliveryId, type EndpointId, type Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import { CommandExecutor, type Cause } from '../../commands/command-executor.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import { isBatch, isTest, type ScheduleAttempt } from '../saga/saga-commands.ts';
import { SecretUnreadable } from '../../secrets/vault.ts';
import { FormatError, NotBegun } from '../formats/format-error.ts';
import { LocalFailure } from '../local-failure.ts';
import type { RequestMaker } from './request-maker.ts';
import { recordOf } from './attempt-record.ts';
import type { BuiltRequest } from './request.ts';
import type { SendOutcome } from '../sender/send-outcome.ts';
import type { Sender } from '../sender/sender.ts';
import { loadMessages, loadMessagesNow } from './load-messages.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream, deliveryStream, messageIdIn } from '../../domain/streams.ts';

export type AttemptResult = {
  /** The outcome's position in the log. */
  readonly position: Position;
  /** What the outcome says about the receiver. One that refuses (429, 503), or whose answer did not arrive whole, should get fewer requests at a time. */
  readonly receiver: 'answers' | 'refuses' | 'silent' | 'unknown';
  /** For so long the receiver wants no request. Undefined: it did not say so. */
  readonly holdMs?: number | undefined;
  /** Of the request; undefined if none was made. */
  readonly durationMs?: number;
  /** What the outcome says to the endpoint's circuit. Undefined: nothing was attempted. */
  readonly outcome?: AttemptOutcome;
};

/** `isProbe`: the attempt finds out whether the receiver of an open circuit answers again. `failingMs`: for how long the endpoint's attempts have failed. */
export type CircuitView = { readonly isProbe: boolean; readonly failingMs: () => number | undefined };
const unknownCircuit: CircuitView = { isProbe: false, failingMs: () => undefined };

/** `repeated` is called for each attempt that another replica already made. */
type ReplicaHooks = { readonly repeated: () => void };

export class AttemptRunner {
  constructor(
    private readonly store: EventStore,
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
    private readonly sender: Pick<Sender, 'prepare' | 'send'>,
    private readonly requests: Pick<RequestMaker, 'make'>,
    /** Called with every outcome, and with why an attempt was not made, for the metrics. */
    private readonly observe: (outcome: SendOutcome | LocalFailure) => void,
    /** Undefined: no other process sends. */
    private readonly replicas?: ReplicaHooks,
  ) {}

  /** Gets ready what a request to the endpoint would wait for. @returns true if that is nothing; a promise does not reject */
  prepare(endpointId: EndpointId): true | Promise<void> {
    const endpoint = this.directory.endpoint(endpointId);
    if (!endpoint) return true;
    try {
      return this.sender.prepare(endpoint.url);
    } catch {
      return true; // its secrets can't be decrypted: the attempt fails with the reason
    }
  }

  /**
   * Rejects if nothing was sent: with LogUnavailable, as the message can't be read now and another replica may read it, or with LocalFailure. Otherwise only
   * if the log refuses the outcome, which is a defect.
   * @param answered called when the request is over, before its outcome is recorded
   * @param circuit what the lane knows of the endpoint's circuit
   */
  async run(due: ScheduleAttempt, answered: () => void = () => undefined, circuit: CircuitView = unknownCircuit): Promise<AttemptResult> {
    try {
      return await this.make(due, answered, circuit);
    } catch (error) {
      if (error instanceof LocalFailure) this.observe(error);
      throw error;
    }
  }

  private async make(due: ScheduleAttempt, answered: () => void, { isProbe, failingMs }: CircuitView): Promise<AttemptResult> {
    const { endpointId } = due.subject;
    const endpoint = this.directory.endpoint(endpointId) ?? (await this.directory.whenAvailable(endpointId));
    if (!endpoint) return { position: await this.cancel(due), receiver: 'unknown' };
    // 1. Make the request from the messages and the current configuration.
    const load = this.replicas ? loadMessagesNow : loadMessages;
    const messages = due.messages ?? (await load(due, this.store));
    const now = new Date();
    const building = this.build(due, endpoint, messages, now);
    const request = building instanceof Promise ? await building : building;
    // 2. Send it.
    const outcome =
      request instanceof FormatError
        ? ({ outcome: 'failed', startedAt: now.toISOString(), durationMs: 0, failure: 'FORMAT', error: request.message } as const)
        : await this.sender.send({ ...request, timeoutSeconds: endpoint.configuration.settings.timeoutSeconds });
    answered();
    this.observe(outcome);
    // 3. Record the outcome.
    const made = request instanceof FormatError ? undefined : request;
    const holdsKey = endpoint.configuration.settings.onExhausted === 'HOLD' && messages.some((message) => takesTurns(message, endpointId));
    const forMs = failingMs();
    const command = { ...commandFor(due, endpoint, made, outcome, messages[0]?.recordedAt, isProbe), holdsKey, failingMs: forMs };
    // Whether a delivery still has its turn is in its stream only.
    const position = await this.record(due, command, holdsKey && outcome.outcome === 'failed');
    // 4. Cancel the retry if the endpoint was deleted meanwhile.
    if (outcome.outcome === 'failed' && !this.directory.endpoint(endpoint.id))
      return { position: await this.cancel(due), receiver: 'unknown' };
    const { durationMs } = outcome;
    const { revision: endpointRevision } = endpoint;
    return {
      position,
      receiver: receiverStateOf(outcome),
      holdMs: holdOf(outcome),
      durationMs,
      outcome: circuitOutcomeOf(outcome, endpointRevision, forMs),
    };
  }

  /** A promise only for templates. */
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
    const content = {
      id: isBatch(subject) ? id : subject.messageId,
      hops: Math.max(0, ...events.map(({ data: { hops = 0 } }) => hops)),
      messages: isBatch(subject) || endpoint.configuration.settings.batch || !messages[0] ? messages : messages[0],
    };
    try {
      const request = this.requests.make(endpoint, content, attempt, now);
      return request instanceof Promise ? request.catch(formatErrorOf) : request;
    } catch (error) {
      return formatErrorOf(error);
    }
  }

  private cancel(due: ScheduleAttempt): Promise<Position> {
    return this.record(due, { type: 'Cancel', now: new Date(), reason: 'the endpoint was deleted' }, true);
  }

  /** An attempt that was made must be recorded, so this retries until the log takes it. */
  private async record(due: ScheduleAttempt, command: AttemptsCommand, reload = false): Promise<Position> {
    const { id, subject, attempt, failuresInSeries, revision, seriesSince } = due;
    const commandId = 'record' in command ? outcomeCommandId(id, command.record, this.replicas !== undefined) : `${id}/${attempt}/cancel`;
    const cause: Cause = { actor: 'system:dispatcher', commandId, ...due.cause };
    const pending = { status: 'pending', attempt, failuresInSeries, ...(seriesSince === undefined ? {} : { seriesSince }) } as const;
    const { position, events } = await retryUntilLogAvailable((): Promise<RecordResult> => {
      if (!isBatch(subject)) {
        const decision = { stream: deliveryStream(asDeliveryId(id)), decider: delivery, command: { ...command, subject } };
        return this.executor.execute(reload ? decision : { ...decision, expected: { state: pending, revision } }, cause);
      }
      const decision = { stream: batchStream(asBatchId(id)), decider: batch, command: { ...command, subject } };
      // The messages in a batch don't matter to these commands.
      return this.executor.execute(reload ? decision : { ...decision, expected: { state: { ...pending, messages: [] }, revision } }, cause);
    });
    if (events.length === 0 && command.type !== 'Cancel') this.replicas?.repeated();
    if (position === undefined) throw new Error(`The attempt of ${id} is recorded, but its stream has no event.`);
    return position;
  }
}

/**
 * The id of the command that records an attempt. If two replicas made the same attempt, their commands have different ids, so that the second learns that
 * the attempt is already recorded. The ids differ by when the attempt ended. The log has that time, so `verify` can work the id out again.
 */
const outcomeCommandId = (id: string, record: AttemptRecord, isAmongReplicas: boolean) =>
  `${id}/${record.attempt}/outcome${isAmongReplicas ? `/${attemptEndedAt(record)}` : ''}`;

const takesTurns = ({ data }: RecordedEvent<MessageEvent>, endpointId: EndpointId): boolean =>
  data.destinations.some((each) => each.endpointId === endpointId && each.ordering !== undefined);

type RecordResult = { readonly position: Position | undefined; readonly events: readonly unknown[] };

/** @throws any other error */
const formatErrorOf = (error: unknown): FormatError => {
  if (error instanceof NotBegun) throw new LocalFailure('TEMPLATES', error.message, { cause: error });
  if (error instanceof FormatError) return error;
  if (error instanceof SecretUnreadable) return new FormatError(error.message, { cause: error }); // moved or changed in the log
  throw error;
};

const receiverStateOf = (outcome: SendOutcome): AttemptResult['receiver'] => {
  if (outcome.outcome === 'succeeded') return 'answers';
  const { failure, responseCode, isLate } = outcome;
  if (failure === 'FORMAT') return 'unknown';
  if (failure !== 'HTTP_STATUS' && failure !== 'REDIRECT') return 'silent'; // perhaps after the head of a response
  if (responseCode === 429 || responseCode === 503) return 'refuses';
  return isLate ? 'silent' : 'answers';
};

const circuitOutcomeOf = (outcome: SendOutcome, endpointRevision: number, failingMs: number | undefined): AttemptOutcome => {
  const { startedAt, durationMs } = outcome;
  const failed = outcome.outcome === 'failed' && { error: outcome.error, heldUntil: outcome.retryAfter?.toISOString(), failingMs };
  return outcomeOf({ startedAt, durationMs, endpointRevision }, failed || undefined);
};

const holdOf = (outcome: SendOutcome): number | undefined =>
  outcome.outcome === 'failed' && outcome.retryAfter ? outcome.retryAfter.getTime() - Date.parse(attemptEndedAt(outcome)) : undefined;

const commandFor = (
  { subject, attempt, seriesSince }: ScheduleAttempt,
  endpoint: ResolvedEndpoint,
  request: BuiltRequest | undefined,
  outcome: SendOutcome,
  /** When the message, or the first of the batch, was accepted. */
  acceptedAt: string | undefined,
  isProbe: boolean,
): AttemptsCommand => {
  const { configuration } = endpoint;
  const record = recordOf(attempt, endpoint, request, outcome, isProbe);
  if (outcome.outcome === 'succeeded') return { type: 'RecordSuccess', record };
  const { failure, error, retryAfter } = outcome;
  const policy = isTest(subject) ? testPolicy : configuration.settings.retryPolicy;
  return {
    type: 'RecordFailure',
    record,
    failure,
    error: request ? endpoint.maskSecretsIn(error) : error,
    policy,
    random: Math.random(),
    heldUntil: retryAfter,
    seriesSince: seriesSince ?? (retryAfter && acceptedAt),
  };
};
