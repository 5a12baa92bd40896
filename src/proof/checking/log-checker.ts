// Checks a log, event after event, or one of several parts of it: what belongs to one message is in one part. Configuration is in all of them.
// Guarantee: an event that the deciders would not have written is found, whatever it is in. Limit: of what a command brought with it, as the
// times and the ids of new messages, only the form can be checked.
import { attempts, type Attempts, type Step } from '../../domain/attempts.ts';
import type { BatchEvent } from '../../domain/batch.ts';
import { type DeliveryEvent } from '../../domain/delivery.ts';
import type { EndpointId, Position, ReplayId } from '../../domain/ids.ts';
import { type MessageEvent } from '../../domain/message.ts';
import { type ReplayEvent } from '../../domain/replay.ts';
import { codec, type StoredEvent } from '../../event-store/codec.ts';
import { configurationCategories, UndecodableEvent, type RecordedEvent } from '../../event-store/event-store.ts';
import { batchIdOf, deliveryIdOf, eventIdOf, messageIdOf } from '../../event-store/id-generation.ts';
import { brokenCase, Cases, isBeginning, newCase, newDelivery, noEndpoint, type Beginning, type Case } from './cases.ts';
import { commandsOf, dispatched, outcomesOf } from './command-ids.ts';
import type { ConfigurationHistory } from './configuration-history.ts';
import { EarlierCases, type Earlier } from './earlier-cases.ts';
import { Findings } from './findings.ts';
import { judgeStep } from './judge-step.ts';
import { judgeOf, type StreamJudge } from './judge-stream.ts';
import { Memberships } from './memberships.ts';
import type { ExpectedSeal, NamedEvent } from './seal-check.ts';
import { SealsInPart } from './seals-in-part.ts';
import { categoryOf, deliveryStream, idIn, messageIdIn, messageStream, replayIdIn, replayStream } from '../../domain/streams.ts';

/** Of an endpoint's deliveries. */
export type Counts = { routed: number; succeeded: number; failed: number; cancelled: number };

/** The event that holds a seal; number 0: the key. */
export type NamedSeal = NamedEvent & { readonly number: number };

export type Part = { readonly index: number; readonly of: number };

export type CheckerOptions = {
  readonly part: Part;
  readonly configuration: ConfigurationHistory;
  /** The seals on the events, in order; the first event is the first that they seal. */
  readonly seals: readonly ExpectedSeal[];
  readonly marksOf: (number: number) => Promise<string>;
  readonly earlier: Earlier;
  /** Undefined: it is checked from the start of the log. */
  readonly after: Position | undefined;
  /** Positions are numbers without gaps, as in the embedded log. */
  readonly hasNoGaps: boolean;
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const isConfiguration = (category: string) => (configurationCategories as readonly string[]).includes(category);

/** Begins as the message's id does in the ids of its deliveries; the last digit of a time is as good as a random one. */
const digitOfPart = 12;
const partOf = (id: string, parts: number): number => (Number.parseInt(id.charAt(digitOfPart), 16) || 0) % parts;

type Of<T extends string> = Extract<RecordedEvent, { type: `${T}.${string}` }>;

export class LogChecker {
  readonly findings = new Findings();
  readonly counts = new Map<EndpointId, Counts>();
  private readonly seals: SealsInPart;
  private readonly cases = new Cases();
  private readonly earlier: EarlierCases;
  private readonly memberships = new Memberships();
  /** Of the few streams that hold configuration, the seals, replays and sources. `judge`: undefined where an event is missing or can't be read. */
  private readonly small = new Map<string, { revision: number; judge: StreamJudge | undefined }>();
  private readonly replays = new Map<ReplayId, RecordedEvent<ReplayEvent> | undefined>();
  /** Streams whose last attempt failed for good, and the event that says so. */
  private readonly unfinished = new Map<string, NamedEvent>();
  /** Of the part that looks after the seals' stream. */
  newestSeal: NamedSeal | undefined;
  private sequence: number | undefined;

  constructor(private readonly options: CheckerOptions) {
    const { part, configuration, seals, marksOf, earlier } = options;
    this.seals = new SealsInPart(this.findings, part, seals, marksOf);
    this.earlier = new EarlierCases(this.cases, configuration, earlier);
  }

  async add(batch: readonly StoredEvent[]): Promise<void> {
    for (const stored of batch) {
      await this.seals.add(stored);
      this.checkGap(stored);
      const category = categoryOf(stored.stream);
      const isOurs = this.isOurs(category, stored.stream);
      if (!isOurs && category !== 'batch' && !isConfiguration(category)) continue;
      if (!isOurs && category === 'batch' && stored.type !== 'batch.closed') continue;
      const event = this.decode(stored, category, isOurs);
      if (isConfiguration(category)) {
        if (event) this.options.configuration.add(event);
        if (isOurs) await this.checkSmall(stored, category, event);
      } else if (fewAndSmall.has(category)) await this.checkSmall(stored, category, event);
      else if (category === 'message') await this.checkMessage(stored, event as Of<'message'> | undefined);
      else if (category === 'delivery') await this.checkDelivery(stored, event as Of<'delivery'> | undefined);
      else if (category === 'batch') await this.checkBatch(stored, event as Of<'batch'> | undefined, isOurs);
    }
  }

  /** After the last event. */
  async end(): Promise<void> {
    for (const [, event] of this.unfinished)
      this.findings.wrong('states', event, 'The last attempt failed for good, and no event says that the delivery has failed.');
    await this.seals.end();
    for (const { delivery, batch, position, before } of this.memberships.repeated())
      this.findings.wrong(
        'conservation',
        { position, type: 'batch.closed', stream: batch },
        `It has ${delivery} in it, which is in ${before} already.`,
      );
  }

  private isOurs(category: string, stream: string): boolean {
    const { index, of } = this.options.part;
    return of === 1 || (isConfiguration(category) || category === 'ledger' ? index === 0 : partOf(idIn(stream), of) === index);
  }

  private decode(stored: StoredEvent, category: string, isOurs: boolean): RecordedEvent | undefined {
    if (isOurs) this.findings.checked('decodes');
    try {
      const event = codec.decode(stored);
      if (event.type.startsWith(category) && event.type[category.length] === '.') return event;
      if (isOurs) this.findings.wrong('states', stored, `It stands in a stream of another kind: ${stored.stream} has no such events.`);
      return undefined;
    } catch (error) {
      if (!(error instanceof UndecodableEvent)) throw error;
      if (isOurs) this.findings.wrong('decodes', stored, error.message);
      return undefined;
    }
  }

  // ── The order of the log ──

  private checkGap(stored: StoredEvent): void {
    if (!this.options.hasNoGaps || this.options.part.index !== 0) return;
    const sequence = Number(stored.position);
    const expected = (this.sequence ?? (this.options.after === undefined ? 0 : sequence - 1)) + 1;
    if (sequence !== expected)
      this.findings.wrong(
        'revisions',
        stored,
        `The event before it is missing from the log: ${expected === sequence - 1 ? `position ${expected}` : `positions ${expected} to ${sequence - 1}`}.`,
      );
    this.sequence = sequence;
  }

  // ── Streams ──

  /** @returns whether the event follows the one before it */
  private checkRevision(stored: NamedEvent & { readonly revision: number }, expected: number): boolean {
    this.findings.checked('revisions');
    const { revision } = stored;
    if (revision === expected) return true;
    const sentence =
      revision < expected
        ? `It has revision ${revision}, which another event of its stream has.`
        : `Before it, revision ${expected === revision - 1 ? expected : `${expected} to ${revision - 1}`} of its stream is missing.`;
    this.findings.wrong('revisions', stored, sentence);
    return false;
  }

  private async checkSmall(stored: StoredEvent, category: string, event: RecordedEvent | undefined): Promise<void> {
    const { stream, revision } = stored;
    const { after, earlier } = this.options;
    let known = this.small.get(stream);
    if (!known) {
      const isFromStart = after === undefined || revision === 0;
      const { judge, needsPast } = judgeOf(category, isFromStart);
      if (needsPast) for (const each of await earlier.stream(stream, revision)) judge(each); // it was judged then
      this.small.set(stream, (known = { revision: isFromStart ? -1 : revision - 1, judge }));
    }
    const follows = this.checkRevision(stored, known.revision + 1);
    if (category === 'ledger') this.checkPlaceOfSeal(stored, known.revision + 1);
    known.revision = revision;
    if (!follows || !event) known.judge = undefined;
    if (!event) return;
    this.checkEventId(event, commandsOf(event));
    if (!known.judge) return;
    this.findings.checked('states');
    const mistake = known.judge(event) ?? (await this.mistakeInReplay(event));
    if (mistake !== undefined) this.findings.wrong('states', event, mistake);
  }

  private checkPlaceOfSeal(stored: StoredEvent, expected: number): void {
    const { position, type, stream, revision } = stored;
    this.newestSeal = { number: revision, position, type, stream };
    if (revision <= expected) return;
    const missing = expected === 0 ? 'the key of the seals' : `seal ${expected}`;
    this.findings.wrong('seals', stored, `Before it, ${missing} is missing: it was removed.`);
  }

  /** What a replay says of others: of its endpoint, and of the message that it came to. */
  private async mistakeInReplay(event: RecordedEvent): Promise<string | undefined> {
    if (event.type === 'replay.requested') {
      const { organizationId, endpointId } = event.data;
      return this.options.configuration.isOf(endpointId, organizationId) ? undefined : `There was no endpoint ${endpointId} to send to.`;
    }
    if (event.type !== 'replay.progressed') return undefined;
    const { organizationId, after } = event.data;
    const requested = await this.replay(replayIdIn(event.stream));
    const [message] = await this.options.earlier.stream(messageStream(after), 1);
    if (message?.type === 'message.accepted' && message.data.organizationId === organizationId && isBefore(message, requested))
      return undefined;
    return `It came to message ${after}, which was not accepted before the replay was asked for.`;
  }

  /** How it was asked for; undefined: it never was. They are few. */
  private async replay(id: ReplayId): Promise<RecordedEvent<ReplayEvent> | undefined> {
    if (!this.replays.has(id)) {
      const [requested] = await this.options.earlier.stream(replayStream(id), 1);
      this.replays.set(id, requested?.type === 'replay.requested' ? requested : undefined);
    }
    return this.replays.get(id);
  }

  /** What is sent by a replay names one that was asked for, to this endpoint. */
  private async checkCause(event: RecordedEvent<Replayed>): Promise<void> {
    const { replayId, organizationId, endpointId } = event.data;
    const requested = await this.replay(replayId);
    const isSame = requested?.data.organizationId === organizationId && requested.data.endpointId === endpointId;
    if (!isSame || !isBefore(requested, event))
      this.findings.wrong('states', event, `It names the replay ${replayId}, which nobody had asked for to ${endpointId}.`);
  }

  /** `commands`: the ids of the commands that can have written it; undefined: it has one that nobody can know. */
  private checkEventId(event: RecordedEvent, commands: Iterable<string> | undefined): void {
    const { id, stream, revision } = event;
    this.findings.checked('ids');
    if (!commands && uuid.test(id)) return;
    for (const command of commands ?? []) if (eventIdOf(command, stream, revision) === id) return;
    this.findings.wrong('ids', event, commands ? `Its id ${id} is not the one that follows from its cause.` : `Its id ${id} is no UUID.`);
  }

  // ── Messages ──

  private async checkMessage(stored: StoredEvent, event: RecordedEvent<MessageEvent> | undefined): Promise<void> {
    this.checkRevision(stored, 0);
    if (!event) return;
    const { organizationId, clientId, destinations, test } = event.data;
    const id = messageIdIn(stored.stream);
    this.checkEventId(event, undefined);
    if (clientId === undefined ? !uuid.test(id) : messageIdOf(organizationId, clientId) !== id)
      this.findings.wrong(
        'ids',
        event,
        `The message's id ${id} is not the one that follows from ${clientId === undefined ? 'nothing' : JSON.stringify(clientId)}.`,
      );
    this.findings.checked('routing');
    const mistake = this.options.configuration.mistakeIn(event);
    if (mistake) this.findings.wrong('routing', event, mistake);
    for (const [i, { endpointId }] of destinations.entries()) {
      const stream = deliveryStream(deliveryIdOf(id, endpointId));
      this.findings.checked('conservation');
      if (destinations.findIndex((each) => each.endpointId === endpointId) < i)
        this.findings.wrong('conservation', event, `It was routed to ${endpointId} twice.`);
      this.cases.set(stream, newDelivery(event, id, endpointId, test));
      this.count(endpointId).routed += 1;
    }
  }

  // ── Deliveries and batches ──

  private async checkDelivery(stored: StoredEvent, event: RecordedEvent<DeliveryEvent> | undefined): Promise<void> {
    const { stream } = stored;
    if (event?.type === 'delivery.replay-requested') await this.checkCause(event);
    const known = this.cases.get(stream) ?? (await this.earlier.delivery(stored, event));
    if (!known && event && isBeginning(event)) {
      await this.checkReplayed(event);
      return;
    }
    if (!known) {
      this.checkRevision(stored, stored.revision);
      if (event) this.findings.wrong('conservation', event, `No message was routed to ${event.data.endpointId} whose delivery this is.`);
      return;
    }
    if (event) {
      const { organizationId, messageId, endpointId, test } = event.data;
      const isSame =
        known.organizationId === organizationId &&
        known.messageId === messageId &&
        known.endpointId === endpointId &&
        known.test === (test ?? false);
      if (!isSame)
        this.findings.wrong('ids', event, `Its stream is that of message ${known.messageId} to ${known.endpointId}, and it names others.`);
    }
    this.step(stored, event, known);
  }

  /** A delivery that a replay makes: of a message that stands in the log, and was not routed to this endpoint. */
  private async checkReplayed(event: Beginning): Promise<void> {
    const { stream, data } = event;
    const { organizationId, messageId, endpointId, messageType, attempt } = data;
    this.checkRevision(event, 0);
    this.checkEventId(event, commandsOf(event));
    this.findings.checked('states');
    this.findings.checked('conservation');
    if (deliveryIdOf(messageId, endpointId) !== idIn(stream))
      this.findings.wrong('ids', event, `Its id is not the one that follows from message ${messageId} and ${endpointId}.`);
    const [message] = await this.options.earlier.stream(messageStream(messageId), 1);
    if (message?.type !== 'message.accepted' || message.data.organizationId !== organizationId || message.position >= event.position)
      this.findings.wrong('conservation', event, `It is of message ${messageId}, which was not accepted before.`);
    else if (message.data.type !== messageType)
      this.findings.wrong('states', event, `It says that its message is a ${messageType}, which is a ${message.data.type}.`);
    if (attempt !== 1) this.findings.wrong('states', event, `It begins with attempt ${attempt}.`);
    const state = attempts.evolve(attempts.initial, { type: 'replay-requested', data });
    this.cases.set(stream, { ...newCase, organizationId, endpointId, messageId, test: false, size: 1, revision: 0, state });
    this.count(endpointId).routed += 1;
  }

  private async checkBatch(stored: StoredEvent, event: RecordedEvent<BatchEvent> | undefined, isOurs: boolean): Promise<void> {
    const { stream } = stored;
    if (event?.type === 'batch.closed') {
      await this.checkMembers(event);
      if (!isOurs) return;
      this.checkRevision(stored, 0);
      const { organizationId, endpointId, number, messages } = event.data;
      this.checkEventId(event, dispatched(event) ? [`${idIn(stream)}/${messages.join()}`] : undefined);
      if (batchIdOf(endpointId, number) !== idIn(stream))
        this.findings.wrong('ids', event, `Its id is not the one that follows from its endpoint and number ${number}.`);
      this.cases.set(stream, {
        ...newCase,
        organizationId,
        endpointId,
        messageId: undefined,
        test: false,
        size: messages.length,
        revision: 0,
      });
      return;
    }
    if (event?.type === 'batch.replay-requested') await this.checkCause(event);
    const known = this.cases.get(stream) ?? (await this.earlier.batch(stored));
    if (!known) {
      this.checkRevision(stored, 0); // it begins with what is in it
      this.cases.set(stream, { ...brokenCase, revision: stored.revision });
      return;
    }
    if (event && !known.isBroken && (event.data.endpointId !== known.endpointId || event.data.size !== known.size))
      this.findings.wrong('ids', event, `Its stream is that of a batch of ${known.size} to ${known.endpointId}, and it names another.`);
    this.step(stored, event, known);
  }

  /** A delivery is in one batch at most, and only where its message was routed. */
  private async checkMembers(event: RecordedEvent<BatchEvent & { type: 'batch.closed' }>): Promise<void> {
    const { endpointId, messages } = event.data;
    const { index, of } = this.options.part;
    for (const messageId of messages) {
      if (of > 1 && partOf(messageId, of) !== index) continue;
      this.findings.checked('conservation');
      const stream = deliveryStream(deliveryIdOf(messageId, endpointId));
      const known = this.cases.get(stream) ?? (await this.earlier.member(stream, messageId, endpointId, event.position));
      this.memberships.add({ delivery: stream, batch: event.stream, position: event.position });
      if (!known) {
        this.findings.wrong('conservation', event, `It has message ${messageId} in it, which was not routed to ${endpointId}.`);
        continue;
      }
      // One that was cancelled while the batch was closed, or goes in two, is counted with the last.
      if (known.state.status !== 'pending' && !known.isInBatch) this.count(endpointId)[known.state.status] -= 1;
      known.isInBatch = true;
      this.unfinished.delete(stream);
    }
  }

  private step(stored: StoredEvent, event: RecordedEvent<DeliveryEvent | BatchEvent> | undefined, known: Case): void {
    const { stream } = stored;
    const follows = this.checkRevision(stored, known.revision + 1);
    known.revision = Math.max(known.revision, stored.revision);
    known.isBroken ||= !follows || !event;
    if (!event) return;
    this.findings.checked('states');
    const { type, data } = event;
    const step = { type: type.slice(type.indexOf('.') + 1), data } as Step; // an event is a step and whose it is
    this.checkEventId(event, dispatched(event) ? outcomesOf(stream, step, known.state.attempt) : commandsOf(event));
    const policyAt = (revision: number) => (known.test ? testPolicy : this.options.configuration.retryPolicy(known.endpointId, revision));
    const { mistake, state, exhausted } = judgeStep(step, known.state, known.exhausted, policyAt);
    if (mistake && !known.isBroken) this.findings.wrong('states', event, mistake);
    this.unfinished.delete(stream);
    if (exhausted) this.unfinished.set(stream, { position: stored.position, type, stream });
    if (!known.isInBatch) this.recount(known, state.status);
    known.state = state;
    known.exhausted = exhausted;
  }

  private recount({ endpointId, state, size, isBroken }: Case, status: Attempts['status']): void {
    if (isBroken && endpointId === noEndpoint) return;
    const counts = this.count(endpointId);
    if (state.status !== 'pending') counts[state.status] -= size;
    if (status !== 'pending') counts[status] += size;
  }

  private count(endpointId: EndpointId): Counts {
    let counts = this.counts.get(endpointId);
    if (!counts) this.counts.set(endpointId, (counts = { routed: 0, succeeded: 0, failed: 0, cancelled: 0 }));
    return counts;
  }
}

const isBefore = (event: RecordedEvent, other: RecordedEvent | undefined): boolean =>
  other !== undefined && event.position < other.position;

type Replayed = Extract<DeliveryEvent | BatchEvent, { type: 'delivery.replay-requested' | 'batch.replay-requested' }>;

/** A test is one attempt. */
const testPolicy = { delaysSeconds: [0], jitter: 0 };

/** Besides those of configuration: streams whose revisions are kept in memory. */
const fewAndSmall: ReadonlySet<string> = new Set(['ledger', 'replay', 'source', 'reading']);
