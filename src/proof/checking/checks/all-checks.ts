// Hands each event of a log, in order, to the checks that concern it. Checks one partition; all partitions need the configuration.
// Guarantee: finds every event that the deciders would not have written. Limit: of what a command brought with it, such as times and the ids of
// new messages, only the form can be checked.
import type { Position } from '../../../domain/ids.ts';
import { categoryOf, sealingStream, type Category } from '../../../domain/streams.ts';
import { codec, type StoredEvent } from '../../../event-store/codec.ts';
import { UndecodableEvent, type RecordedEvent } from '../../../event-store/event-store.ts';
import type { ConfigurationHistory } from '../configuration-history.ts';
import { CountsByEndpoint } from '../delivery-counts.ts';
import { DeliveryTracker } from '../delivery-tracker.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import { isEventOf, type EventOf } from '../event-category.ts';
import { Findings } from '../findings.ts';
import { isConfiguration, ownsStream, type Partition } from '../partition.ts';
import type { ExpectedSeal } from '../seal-verifier.ts';
import { AttemptCheck } from './attempts.ts';
import { BatchCheck } from './batches.ts';
import { DeliveryCheck } from './deliveries.ts';
import { JobCheck } from './jobs.ts';
import { MessageCheck } from './messages.ts';
import { OrderCheck } from './order.ts';
import { PositionCheck } from './revisions.ts';
import { SealCheck, SealOrderCheck } from './seals.ts';
import { SmallStreamCheck } from './small-streams.ts';

type CheckOptions = {
  readonly partition: Partition;
  /** The configuration before the first event that is checked. */
  readonly configuration: ConfigurationHistory;
  /** In order; the first event that is added is the first that they cover. */
  readonly seals: readonly ExpectedSeal[];
  /** Rereads a seal's marks by its number. */
  readonly readMarks: (number: number) => Promise<string>;
  readonly readEarlier: ReadEarlier;
  /** Undefined: checks start at the start of the log. */
  readonly after: Position | undefined;
  /** Positions are consecutive numbers, as in the embedded log. */
  readonly positionsAreConsecutive: boolean;
};

/** Of these, the order of keys is checked. */
const inOrder: ReadonlySet<string> = new Set(['message', 'delivery', 'batch']);

export class AllChecks {
  readonly findings = new Findings();
  readonly deliveryCounts = new CountsByEndpoint();
  readonly sealOrder: SealOrderCheck;
  private readonly positions: PositionCheck | undefined;
  private readonly seals: SealCheck;
  private readonly smallStreams: SmallStreamCheck;
  private readonly messages: MessageCheck;
  private readonly deliveries: DeliveryCheck;
  private readonly batches: BatchCheck;
  private readonly attempts: AttemptCheck;
  /** Undefined: another partition has it, or the start of the log is not checked. */
  private readonly order: OrderCheck | undefined;

  constructor(private readonly options: CheckOptions) {
    const { partition, configuration, seals, readMarks, readEarlier, after, positionsAreConsecutive } = options;
    const { findings, deliveryCounts } = this;
    const isFromStart = after === undefined;
    const tracker = new DeliveryTracker(configuration, readEarlier);
    const jobs = new JobCheck(findings, configuration, readEarlier);
    this.order = isFromStart && partition.index === 0 ? new OrderCheck(findings) : undefined;
    this.positions = positionsAreConsecutive && partition.index === 0 ? new PositionCheck(findings, isFromStart) : undefined;
    this.seals = new SealCheck(findings, partition, seals, readMarks);
    this.sealOrder = new SealOrderCheck(findings, isFromStart);
    this.smallStreams = new SmallStreamCheck(findings, jobs, readEarlier, isFromStart);
    this.messages = new MessageCheck(findings, configuration, tracker, deliveryCounts);
    this.attempts = new AttemptCheck(findings, configuration, deliveryCounts);
    this.deliveries = new DeliveryCheck(findings, tracker, this.attempts, jobs, deliveryCounts, readEarlier);
    this.batches = new BatchCheck(findings, partition, tracker, this.attempts, jobs);
  }

  /** Takes every event of the log, whatever its partition. */
  async check(batch: readonly StoredEvent[]): Promise<void> {
    for (const stored of batch) {
      // Most events need no lookup, and a promise for each would cost more than its check.
      const sealCheck = this.seals.check(stored);
      if (sealCheck) await sealCheck;
      this.positions?.check(stored);
      const eventCheck = this.checkEvent(stored);
      if (eventCheck) await eventCheck;
    }
  }

  /** Call after the last event. */
  async end(): Promise<void> {
    this.attempts.end();
    await this.seals.end();
    this.batches.end();
  }

  private checkEvent(stored: StoredEvent): Promise<void> | undefined {
    const category = categoryOf(stored.stream);
    const isOurs = ownsStream(this.options.partition, category, stored.stream);
    const concernsAll = isConfiguration(category) || (category === 'batch' && stored.type === 'batch.closed');
    const concernsOrder = this.order !== undefined && this.options.configuration.hasOrder && inOrder.has(category);
    if (!isOurs && !concernsAll && !concernsOrder) return undefined;
    const event = this.decode(stored, category, isOurs);
    if (event && isConfiguration(category)) this.options.configuration.add(event);
    if (event) this.order?.check(event);
    if (event?.type === 'batch.closed') return this.batches.checkClosed(event, isOurs);
    if (!isOurs) return undefined;
    switch (category) {
      case 'message':
        this.messages.check(stored, event && narrow(event, 'message'));
        return undefined;
      case 'delivery':
        return this.deliveries.check(stored, event && narrow(event, 'delivery'));
      case 'batch':
        return this.batches.check(stored, event && isEventOf(event, 'batch') ? event : undefined);
      case 'ledger':
        if (stored.stream === sealingStream) this.sealOrder.check(stored);
        return this.smallStreams.check(stored, category, event);
      case 'organization':
      case 'apikey':
      case 'endpoint':
      case 'replay':
      case 'bulkretry':
      case 'source':
      case 'reading':
      case 'disclosure':
      case 'drafttest':
      case 'portalsession':
        return this.smallStreams.check(stored, category, event);
      default:
        return undefined;
    }
  }

  /** @returns undefined if the event is unreadable, or of another kind than its stream */
  private decode(stored: StoredEvent, category: string, isOurs: boolean): RecordedEvent | undefined {
    if (isOurs) this.findings.checked('decodes');
    try {
      const event = codec.decode(stored);
      if (event.type.startsWith(category) && event.type[category.length] === '.') return event;
      if (isOurs) this.findings.wrong('states', stored, `It is in a stream of another kind: ${stored.stream} has no such events.`);
      return undefined;
    } catch (error) {
      if (!(error instanceof UndecodableEvent)) throw error;
      if (isOurs) this.findings.wrong('decodes', stored, error.message);
      return undefined;
    }
  }
}

const narrow = <C extends Category>(event: RecordedEvent, category: C): EventOf<C> | undefined =>
  isEventOf(event, category) ? event : undefined;
