// The batch closer: fixes what goes in one request, by an event, before anything is sent. After a crash it is sent again as it was.
// Guarantee: a delivery is in one batch at most, also when several replicas close batches of one endpoint: its batches are numbered, the nth
// is closed once, and who finds it closed leaves out what is in it.
import { batch, type CloseBatch } from '../../domain/batch.ts';
import type { BatchId, EndpointId, MessageId, Position } from '../../domain/ids.ts';
import type { MessageEvent } from '../../domain/message.ts';
import type { CommandExecutor } from '../../commands/command-executor.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { batchIdOf } from '../../event-store/id-generation.ts';
import type { DueAttempts } from '../due-attempts/due-attempts.ts';
import { isBatch, type ScheduleAttempt, type DeliveryOrBatchId } from '../saga/saga-commands.ts';
import { messagesOf } from './sent-messages.ts';
import { retryUntilLogAvailable } from '../retry-until-log-available.ts';
import { batchStream } from '../../domain/streams.ts';

/** Of the messages' data as JSON, in one batch; a single message may have 256 KiB. */
const mostBytes = 4 * 1024 * 1024;
/** Messages of closed batches that are kept at hand until they are sent. */
const mostAtHand = 2_000;

/** The deliveries that are in a batch now, and where the log says so. */
export type BatchedDeliveries = { readonly ids: readonly DeliveryOrBatchId[]; readonly position: Position };

type Candidate = { readonly due: ScheduleAttempt; readonly messageId: MessageId; readonly message: RecordedEvent<MessageEvent> };

const unknown = { state: batch.initial, revision: 'no-stream' } as const;

export class BatchCloser {
  private readonly newest = new Map<EndpointId, number>();
  private readonly atHand = new Map<DeliveryOrBatchId, readonly RecordedEvent<MessageEvent>[]>();

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly executor: CommandExecutor,
    private readonly due: Pick<DueAttempts, 'newestBatch' | 'isShared'>,
  ) {}

  /**
   * Closes a batch over deliveries of one endpoint, in their order, as many as fit.
   * @returns those that are in a batch now, this one or one that was closed before; undefined while the table of due attempts can't be read
   */
  async close(endpointId: EndpointId, waiting: readonly ScheduleAttempt[]): Promise<BatchedDeliveries> {
    let candidates = await this.candidates(waiting);
    const found: DeliveryOrBatchId[] = [];
    for (let number = (await this.newestOf(endpointId)) + 1; ; number++) {
      const id = batchIdOf(endpointId, number);
      const { state, events, position } = await this.record(id, endpointId, number, candidates);
      this.newest.set(endpointId, number);
      if (state.status === 'unknown' || !position) throw new Error(`The log took the batch ${id} and does not have it.`);
      const inIt = new Set(state.messages);
      const [taken, left] = [candidates.filter(({ messageId }) => inIt.has(messageId)), candidates.filter((c) => !inIt.has(c.messageId))];
      found.push(...taken.map(({ due }) => due.id));
      if (events.length > 0 || left.length === 0) return { ids: found, position };
      candidates = left; // somebody else closed the batch of that number
    }
  }

  /** That is known; other replicas may have closed more. */
  private async newestOf(id: EndpointId): Promise<number> {
    const known = this.newest.get(id);
    if (known !== undefined && !this.due.isShared) return known;
    return Math.max(known ?? 0, await this.due.newestBatch(id));
  }

  /** The messages of a batch that was closed here, once: where there are none they are read from the log. */
  takeMessages(id: DeliveryOrBatchId): readonly RecordedEvent<MessageEvent>[] | undefined {
    const messages = this.atHand.get(id);
    this.atHand.delete(id);
    return messages;
  }

  private async candidates(waiting: readonly ScheduleAttempt[]): Promise<Candidate[]> {
    const read = await Promise.all(waiting.map((due) => messagesOf(due, this.store)));
    const candidates: Candidate[] = [];
    let bytes = 0;
    for (const [i, due] of waiting.entries()) {
      const [message] = read[i] ?? [];
      if (!message || isBatch(due.subject)) throw new Error(`${due.id} is no delivery that could go in a batch.`);
      bytes += JSON.stringify(message.data.data).length;
      if (bytes > mostBytes && candidates.length > 0) break;
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
    // Others may close the batch of this number over other messages: those are another command.
    const cause = { actor: 'system:dispatcher', commandId: `${id}/${messages.join()}`, ...first.due.cause };
    this.keep(id, candidates); // before it is recorded: what follows from that may be quicker than its answer
    const outcome = await retryUntilLogAvailable(() =>
      this.executor.execute({ stream: batchStream(id), decider: batch, command, expected: unknown }, cause),
    );
    if (outcome.events.length === 0) this.atHand.delete(id);
    return outcome;
  }

  private keep(id: BatchId, candidates: readonly Candidate[]): void {
    this.atHand.set(
      id,
      candidates.map(({ message }) => message),
    );
    let kept = 0;
    for (const [, messages] of this.atHand) kept += messages.length;
    for (const [oldest, messages] of this.atHand) {
      if (kept <= mostAtHand || oldest === id) break;
      this.atHand.delete(oldest);
      kept -= messages.length;
    }
  }
}
