// The batch closer: records by an event which messages go in one request, before it is sent. After a crash the same batch is sent again.
// Guarantee: a delivery is in one batch at most, also when several replicas close batches of one endpoint. An endpoint's batches are numbered, and each
// number is closed once. A replica that finds its number closed leaves out the deliveries in that batch and takes the next number. Of the batches with
// lower numbers, the table says what went in them, and the log what was cancelled in one of its own.
import { batch, type CloseBatch } from '../../domain/batch.ts';
import type { BatchId, EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { batchIdOf } from '../../event-store/id-generation.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import { isBatch, type ScheduleAttempt, type DeliveryOrBatchId } from '../saga/saga-commands.ts';
import { CancelledAlone } from './cancelled-alone.ts';
import { loadMessages } from './load-messages.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream } from '../../domain/streams.ts';

/** Of the messages' data as JSON in one batch. A single message may have 256 KiB. */
const maxBytes = 4 * 1024 * 1024;
/** Messages of closed batches kept in memory until they are sent. */
const maxInMemory = 2_000;

/** The deliveries that are in a closed batch now, and the position of its event. */
export type BatchedDeliveries = {
  readonly deliveries: readonly ScheduleAttempt[];
  /** Undefined: they were in a batch before, as the table shows. */
  readonly position: Position | undefined;
};

type Candidate = { readonly due: ScheduleAttempt; readonly messageId: MessageId; readonly message: RecordedEvent<MessageEvent> };

const newBatch = { state: batch.initial, revision: 'no-stream' } as const;

export class BatchCloser {
  private readonly newest = new Map<EndpointId, number>();
  private readonly cancelledAlone: CancelledAlone;
  private readonly messagesById = new Map<DeliveryOrBatchId, readonly RecordedEvent<MessageEvent>[]>();

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: CommandExecutor,
    private readonly due: Pick<DueAttempts, 'turnsOf' | 'newestBatch' | 'isShared'>,
  ) {
    this.cancelledAlone = new CancelledAlone(store);
  }

  /**
   * Closes a batch over deliveries of one endpoint, in their order, as many as fit. Where they take turns, those that wait for them go with them, so
   * a batch holds the turns of all its keys.
   * @returns those that are in a closed batch now: this one, or one that was closed before. Others than those given may be among them
   */
  async close(endpointId: EndpointId, waiting: readonly ScheduleAttempt[], maxSize: number): Promise<BatchedDeliveries> {
    // The number first: a batch that is closed after this read has it, too, and what went in there is left out here.
    const newest = await this.newestNumber(endpointId);
    const { batched, followers } = await this.due.turnsOf(
      waiting.map(({ id }) => id),
      maxSize - waiting.length,
    );
    const deliveries = waiting.filter(({ id }) => batched.has(id));
    if (deliveries.length === waiting.length) return { deliveries, position: undefined };
    let candidates = await this.candidates([...waiting.filter(({ id }) => !batched.has(id)), ...followers]);
    const withTurn = new Set(waiting.map(({ id }) => id));
    const cancelled = await this.cancelledAmong(endpointId, newest, candidates);
    deliveries.push(...candidates.filter(({ messageId, due }) => cancelled.has(messageId) && withTurn.has(due.id)).map(({ due }) => due));
    candidates = candidates.filter(({ messageId }) => !cancelled.has(messageId));
    if (candidates.length === 0) return { deliveries, position: undefined };
    for (let number = newest + 1; ; number++) {
      const id = batchIdOf(endpointId, number);
      const { state, events, position } = await this.record(id, endpointId, number, candidates);
      this.newest.set(endpointId, number);
      if (state.status === 'unknown' || !position) throw new Error(`The batch ${id} was appended, but the log does not have it.`);
      if (events.length > 0) this.cancelledAlone.add(endpointId, number, position);
      const closed = new Set(state.messages);
      deliveries.push(...candidates.filter(({ messageId }) => closed.has(messageId)).map(({ due }) => due));
      // Those that waited can't go without what they waited for.
      candidates = candidates.filter(({ messageId, due }) => !closed.has(messageId) && withTurn.has(due.id));
      // Without an event, another replica has closed the batch of that number.
      if (events.length > 0 || candidates.length === 0) return { deliveries, position };
    }
  }

  private cancelledAmong(endpointId: EndpointId, newest: number, candidates: readonly Candidate[]): Promise<ReadonlySet<MessageId>> {
    const positions = candidates.map(({ message }) => message.position);
    return this.cancelledAlone.since(
      endpointId,
      newest,
      positions.reduce((oldest, each) => (each < oldest ? each : oldest)),
    );
  }

  /** Other replicas may have closed newer ones. */
  private async newestNumber(id: EndpointId): Promise<number> {
    const closedHere = this.newest.get(id);
    if (closedHere !== undefined && !this.due.isShared) return closedHere;
    return Math.max(closedHere ?? 0, await this.due.newestBatch(id));
  }

  /** Hands out the messages of a batch that was closed here, once. Undefined: read them from the log. */
  takeMessages(id: DeliveryOrBatchId): readonly RecordedEvent<MessageEvent>[] | undefined {
    const messages = this.messagesById.get(id);
    this.messagesById.delete(id);
    return messages;
  }

  private async candidates(waiting: readonly ScheduleAttempt[]): Promise<Candidate[]> {
    const read = await Promise.all(waiting.map((due) => loadMessages(due, this.store)));
    const candidates: Candidate[] = [];
    let bytes = 0;
    for (const [i, due] of waiting.entries()) {
      const [message] = read[i] ?? [];
      if (!message || isBatch(due.subject)) throw new Error(`${due.id} is not a delivery, so it can't go in a batch.`);
      bytes += JSON.stringify(message.data.data).length;
      if (bytes > maxBytes && candidates.length > 0) break;
      candidates.push({ due, messageId: due.subject.messageId, message });
    }
    return candidates;
  }

  private async record(id: BatchId, endpointId: EndpointId, number: number, candidates: readonly Candidate[]) {
    const [first] = candidates;
    if (!first) throw new Error('A batch needs at least one message.');
    const { organizationId } = first.due.subject;
    const messages = candidates.map(({ messageId }) => messageId);
    const command: CloseBatch = { type: 'Close', organizationId, endpointId, number, messages };
    // The id names the messages: another replica may close the batch of this number with other messages, which is another command.
    const cause = { actor: 'system:dispatcher', commandId: `${id}/${messages.join()}`, ...first.due.cause };
    this.remember(id, candidates); // before it is recorded: the saga may see the event before the answer comes
    const outcome = await retryUntilLogAvailable(() =>
      this.executor.execute({ stream: batchStream(id), decider: batch, command, expected: newBatch }, cause),
    );
    if (outcome.events.length === 0) this.messagesById.delete(id);
    return outcome;
  }

  private remember(id: BatchId, candidates: readonly Candidate[]): void {
    this.messagesById.set(
      id,
      candidates.map(({ message }) => message),
    );
    let count = 0;
    for (const [, messages] of this.messagesById) count += messages.length;
    for (const [oldest, messages] of this.messagesById) {
      if (count <= maxInMemory || oldest === id) break;
      this.messagesById.delete(oldest);
      count -= messages.length;
    }
  }
}
