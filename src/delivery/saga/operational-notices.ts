// Operational notices: which events of the log lead to an operational message. The saga's transactions remember what was announced, so each notice comes
// once, also after a crash or at another replica. At most one for each endpoint and kind in ten minutes. An operational message causes none.
import type { Circuit } from '../../domain/circuit.ts';
import type { BatchId, EndpointId, MessageId } from '../../domain/ids.ts';
import { failuresToAnnounce, isOperationalType, noticeIntervalMs, type NoticeKind } from '../../domain/operational-message.ts';
import { batchIdIn, deliveryIdIn, endpointIdIn, messageIdIn } from '../../domain/streams.ts';
import type { RecordedEvent } from '../../event-store/event-store.ts';
import type { Transaction } from '../../read-models/engine/database/database.ts';
import { circuitGatesIn, type CircuitTransition } from '../due-attempts/circuit-gates.ts';
import type { DueAttemptsSchema } from '../due-attempts/due-attempts-table.ts';
import { dueCauseOf } from './due-cause.ts';
import { PublishNotice, type DueCause } from './saga-commands.ts';

/** What an event says to the notices, besides what its attempt does to the circuit. */
export type NoticeSource =
  | { readonly type: 'operational-message'; readonly messageId: MessageId; readonly at: number }
  | { readonly type: 'batch-closed'; readonly batchId: BatchId; readonly messages: readonly MessageId[]; readonly at: number }
  | {
      readonly type: 'exhausted';
      readonly subject: Subject;
      readonly endpointId: EndpointId;
      readonly at: number;
      readonly attempts: number;
      readonly cause: DueCause;
    }
  | {
      readonly type: 'disabled';
      readonly endpointId: EndpointId;
      readonly at: number;
      readonly reason: string | null;
      readonly cause: DueCause;
    };

/** What one event changes: a circuit, or something else that the notices look at. */
export type NoticeChange = NoticeSource | CircuitTransition;
const isSource = (change: NoticeChange): change is NoticeSource => 'type' in change;

/** A delivery of a message, or a batch. */
type Subject = NonNullable<PublishNotice['subject']>;

/** Undefined: nothing. Tests are a person's, who sees what came of them. */
export const noticeSourceIn = (event: RecordedEvent): NoticeSource | undefined => {
  const at = () => Date.parse(event.recordedAt);
  switch (event.type) {
    case 'message.accepted':
      return isOperationalType(event.data.type)
        ? { type: 'operational-message', messageId: messageIdIn(event.stream), at: at() }
        : undefined;
    case 'batch.closed':
      return { type: 'batch-closed', batchId: batchIdIn(event.stream), messages: event.data.messages, at: at() };
    case 'delivery.exhausted': {
      const { endpointId, messageId, attempts, test } = event.data;
      if (test) return undefined;
      return {
        type: 'exhausted',
        endpointId,
        subject: { messageId, deliveryId: deliveryIdIn(event.stream) },
        at: Date.parse(event.data.at),
        attempts,
        cause: dueCauseOf(event),
      };
    }
    case 'batch.exhausted': {
      const { endpointId, attempts } = event.data;
      return {
        type: 'exhausted',
        endpointId,
        subject: { batchId: batchIdIn(event.stream) },
        at: Date.parse(event.data.at),
        attempts,
        cause: dueCauseOf(event),
      };
    }
    case 'endpoint.disabled':
      return { type: 'disabled', endpointId: endpointIdIn(event.stream), at: at(), reason: event.data.reason, cause: dueCauseOf(event) };
    default:
      return undefined;
  }
};

type Candidate = {
  readonly notice: PublishNotice;
  readonly carrier: MessageId | BatchId | undefined;
  readonly failingSince: number | null;
};

export class OperationalNotices {
  /** There may be operational messages in the table. Undefined: not known yet. */
  private hasOwn: boolean | undefined;

  forget(): void {
    this.hasOwn = undefined;
  }

  /** @param changes in the order of the log, so that what was announced does not depend on how the log is cut into transactions. @returns what to publish */
  async apply(changes: readonly NoticeChange[], tx: Transaction<DueAttemptsSchema>): Promise<readonly PublishNotice[]> {
    await this.rememberOwn(changes.filter(isSource), tx);
    const candidates = candidatesIn(changes, await circuitsBefore(changes, tx));
    if (candidates.length === 0) return [];
    const [announced, own] = [
      await this.announced(candidates, tx),
      await this.own(
        candidates.flatMap(({ carrier }) => carrier ?? []),
        tx,
      ),
    ];
    const notices: PublishNotice[] = [];
    for (const { notice, carrier, failingSince } of candidates) {
      const { endpointId, kind, at } = notice;
      const last = announced.get(keyOf(endpointId, kind));
      if (last !== undefined && at < last + noticeIntervalMs) continue;
      const failingAt = announced.get(keyOf(endpointId, 'endpoint.failing'));
      const isAnnounced = failingAt !== undefined && failingSince !== null && failingAt >= failingSince;
      if (kind === 'endpoint.failing' && isAnnounced) continue;
      if (kind === 'endpoint.recovered' && !isAnnounced) continue;
      if (carrier !== undefined && own.has(carrier) && kind !== 'endpoint.recovered') continue;
      announced.set(keyOf(endpointId, kind), at);
      notices.push(notice);
    }
    await tx.upsert(
      'announcements',
      ['endpoint_id', 'kind'],
      notices
        .map(({ endpointId, kind }) => ({ endpoint_id: endpointId, kind, at: announced.get(keyOf(endpointId, kind)) ?? 0 }))
        .filter(isLastOfIts),
    );
    return notices;
  }

  private async rememberOwn(sources: readonly NoticeSource[], tx: Transaction<DueAttemptsSchema>): Promise<void> {
    const messages = sources.filter((source) => source.type === 'operational-message');
    await tx.upsert(
      'operational_messages',
      ['id'],
      messages.map(({ messageId, at }) => ({ id: messageId, at })),
    );
    if (messages.length > 0) this.hasOwn = true;
    const closed = sources.filter((source) => source.type === 'batch-closed');
    if (closed.length === 0 || !(await this.mayHaveOwn(tx))) return;
    const own = await this.own(
      closed.flatMap((each) => each.messages),
      tx,
    );
    const batches = closed.filter((each) => each.messages.some((id) => own.has(id)));
    await tx.upsert(
      'operational_messages',
      ['id'],
      batches.map(({ batchId, at }) => ({ id: batchId, at })),
    );
  }

  private async mayHaveOwn(tx: Transaction<DueAttemptsSchema>): Promise<boolean> {
    this.hasOwn ??= (await tx.kysely.selectFrom('operational_messages').select('id').limit(1).executeTakeFirst()) !== undefined;
    return this.hasOwn;
  }

  private async own(ids: readonly (MessageId | BatchId)[], tx: Transaction<DueAttemptsSchema>): Promise<ReadonlySet<string>> {
    if (ids.length === 0 || !(await this.mayHaveOwn(tx))) return new Set();
    const rows = await tx.find('operational_messages', 'id', [...new Set(ids)], ['id']);
    return new Set(rows.map(({ id }) => id));
  }

  private async announced(candidates: readonly Candidate[], tx: Transaction<DueAttemptsSchema>): Promise<Map<string, number>> {
    const ids = [...new Set(candidates.map(({ notice }) => notice.endpointId))];
    const rows = await tx.find('announcements', 'endpoint_id', ids, ['endpoint_id', 'kind', 'at']);
    return new Map(rows.map((row) => [keyOf(row.endpoint_id, row.kind), row.at]));
  }
}

const keyOf = (id: EndpointId, kind: NoticeKind) => `${kind}/${id}`;

type AnnouncementRow = DueAttemptsSchema['announcements'];
/** An upsert takes each key once. */
const isLastOfIts = (row: AnnouncementRow, i: number, all: readonly AnnouncementRow[]) =>
  !all.slice(i + 1).some((later) => later.endpoint_id === row.endpoint_id && later.kind === row.kind);

/** The circuits of endpoints whose deliveries were exhausted, as they were before these changes. A transaction may begin between a failed attempt and that. */
const circuitsBefore = async (changes: readonly NoticeChange[], { kysely }: Transaction<DueAttemptsSchema>) => {
  const ids = new Set(changes.flatMap((change) => (isSource(change) && change.type === 'exhausted' ? [change.endpointId] : [])));
  const circuits = new Map<EndpointId, Circuit>();
  for (const change of changes)
    if (!isSource(change) && ids.delete(change.step.endpointId)) circuits.set(change.step.endpointId, change.before);
  if (ids.size === 0) return circuits;
  for (const { endpointId, circuit } of await circuitGatesIn(kysely, [...ids])) circuits.set(endpointId, circuit);
  return circuits;
};

/** What might be announced, in the order of the log. */
const candidatesIn = (changes: readonly NoticeChange[], circuits: Map<EndpointId, Circuit>): readonly Candidate[] => {
  const candidates: Candidate[] = [];
  for (const change of changes) {
    if (!isSource(change)) {
      circuits.set(change.step.endpointId, change.after);
      const candidate = ofTransition(change);
      if (candidate) candidates.push(candidate);
    } else if (change.type === 'exhausted') candidates.push(...ofExhausted(change, circuits.get(change.endpointId)));
    else if (change.type === 'disabled') candidates.push(ofDisabled(change));
  }
  return candidates;
};

const ofTransition = ({ step, before, after }: CircuitTransition): Candidate | undefined => {
  const { endpointId, at, origin } = step;
  if (!origin) return undefined;
  const { carrier, cause } = origin;
  if (after.consecutiveFailures === 0 && before.consecutiveFailures > 0) {
    const reason = `An attempt succeeded, after ${failuresInWords(before.consecutiveFailures)}.`;
    const notice = new PublishNotice('endpoint.recovered', endpointId, at, before.failingSince ?? at, reason, cause);
    return { notice, carrier, failingSince: before.failingSince };
  }
  if (
    after.consecutiveFailures < failuresToAnnounce ||
    after.state === 'HEALTHY' ||
    after.consecutiveFailures === before.consecutiveFailures
  )
    return undefined;
  return failing(endpointId, after, at, carrier, cause);
};

const failing = (
  endpointId: EndpointId,
  circuit: Circuit,
  at: number,
  carrier: MessageId | BatchId | undefined,
  cause: DueCause,
): Candidate => {
  const { failingSince, consecutiveFailures, lastError } = circuit;
  const reason = `${capitalised(failuresInWords(consecutiveFailures))}. The last one: ${lastError}`;
  return { notice: new PublishNotice('endpoint.failing', endpointId, at, failingSince ?? at, reason, cause), carrier, failingSince };
};

type Source<T extends NoticeSource['type']> = Extract<NoticeSource, { type: T }>;

/** The endpoint is failing then, too, however few attempts that took. */
const ofExhausted = (
  { endpointId, at, attempts, subject, cause }: Source<'exhausted'>,
  circuit: Circuit | undefined,
): readonly Candidate[] => {
  const last = circuit?.lastError;
  const reason = `${attempts === 1 ? 'The only attempt' : `The last of ${attempts} attempts`} failed.${last ? ` ${last}` : ''}`;
  const notice = new PublishNotice('delivery.exhausted', endpointId, at, at, reason, cause, subject);
  const carrier = 'messageId' in subject ? subject.messageId : subject.batchId;
  const exhausted: Candidate = { notice, carrier, failingSince: null };
  if (!circuit || circuit.consecutiveFailures === 0 || circuit.state === 'HEALTHY') return [exhausted];
  return [failing(endpointId, circuit, at, carrier, cause), exhausted];
};

const ofDisabled = ({ endpointId, at, reason, cause }: Source<'disabled'>): Candidate => ({
  notice: new PublishNotice('endpoint.disabled', endpointId, at, at, reason ?? 'It was disabled without a reason.', cause),
  carrier: undefined,
  failingSince: null,
});

const failuresInWords = (count: number) => (count === 1 ? 'one failed attempt' : `${count} failed attempts in a row`);
const capitalised = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
