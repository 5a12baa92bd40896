// The index of the log: which events there are, in log order, and where each is. The events themselves are read from the log.
// Organization, type, actor and subject of an event make its kind. One index over kinds serves every filter, and a row is little more than numbers.
import type { Kysely } from 'kysely';
import type { EventName } from '../../../domain/catalog.ts';
import type { EndpointId, OrganizationId, Position } from '../../../domain/ids.ts';
import { categoryOf, idIn, organizationIdIn } from '../../../domain/streams.ts';
import type { Transaction } from '../../engine/database/database.ts';
import type { ViewsSchema } from '../schema.ts';
import type { ViewEvent } from '../view-event.ts';
import { momentOf, type Flag, type Milliseconds, type Table } from './table.ts';

/** What events have in common: one small row instead of five texts in each event's row. */
type KindRow = {
  /** 1, 2, 3 … in the order of first appearance. */
  id: number;
  /** Empty: an event of the installation, which every organization sees. */
  organization_id: OrganizationId | '';
  type: EventName;
  actor: string;
  /** The endpoint, API key or source that the event is about. */
  subject: string | null;
  /** 1: the event has an earlier row. A message has a row for each endpoint that it matched. */
  again: Flag;
};

type LogEventRow = {
  /** Rises with the log. Roughly microseconds since 1970: see `log_clock`. */
  sequence: number;
  kind: number;
  position: Position;
  stream: string;
  revision: number;
  recorded_at: Milliseconds;
};

/** One row: how far a sequence has ever run ahead of its event's time, in microseconds, rounded up. It does so when a clock is set back. */
type LogClockRow = { id: number; ahead: number };

export const logKinds: Table<KindRow> = {
  columns: { id: 'int64', organization_id: 'text', type: 'text', actor: 'text', subject: 'text?', again: 'integer' },
  primaryKey: ['id'],
  indexes: [{ name: 'log_kinds_of_subject', columns: ['subject'] }],
};

export const logEvents: Table<LogEventRow> = {
  columns: { sequence: 'int64', kind: 'integer', position: 'text', stream: 'text', revision: 'integer', recorded_at: 'int64' },
  primaryKey: ['sequence'],
  indexes: [{ name: 'log_events_of_kind', columns: ['kind', 'sequence'] }],
};

export const logClock: Table<LogClockRow> = { columns: { id: 'integer', ahead: 'int64' }, primaryKey: ['id'] };

/** The lowest sequence of events recorded at this time or later. */
export const historySequenceAt = (milliseconds: number) => milliseconds * 1000;

/** Where the tables end: the last kind, the last sequence, and how far the clock is known to run behind. */
type TableEnds = { readonly kinds: number; readonly sequence: number; readonly ahead: number };

/** Keeps the kinds in memory from one batch of events to the next, so they are looked up without a query. */
export class HistoryIndex {
  /** By type, subject and actor: few of each. */
  private readonly kinds = new Map<string, Map<string | null, Map<string, KindRow[]>>>();
  /** The organization of each endpoint, API key and source: only their first event names it. */
  private readonly owners = new Map<string, OrganizationId>();
  private newest = 0;
  /** Only used while no other process writes the tables. */
  private ends: TableEnds | undefined;

  async apply(batch: readonly ViewEvent[], tx: Transaction<ViewsSchema>): Promise<void> {
    const ends = (tx.isOnlyWriter ? this.ends : undefined) ?? (await readEnds(tx.kysely));
    if (ends.kinds !== this.newest) await this.reload(tx.kysely, ends.kinds);
    let next = ends.sequence + 1;
    let ahead = 0;
    const before = this.newest;
    const newKinds: KindRow[] = [];
    const rows: LogEventRow[] = [];
    for (const event of batch) {
      const { position, stream, revision } = event;
      const recorded_at = momentOf(event.recordedAt);
      const lowest = historySequenceAt(recorded_at);
      let again: Flag = 0;
      for (const subject of subjectsOf(event)) {
        const sequence = Math.max(next, lowest);
        next = sequence + 1;
        ahead = Math.max(ahead, sequence - lowest);
        rows.push({ sequence, kind: this.kindOf(event, subject, again, newKinds), position, stream, revision, recorded_at });
        again = 1;
      }
    }
    if (this.newest > before) await tx.insert('log_kinds', newKinds);
    await tx.insert('log_events', rows);
    // Rounded up to a power of two, so it is seldom written.
    const roundedAhead = ahead > ends.ahead ? 2 ** Math.ceil(Math.log2(ahead)) : ends.ahead;
    if (roundedAhead !== ends.ahead) await tx.upsert('log_clock', ['id'], [{ id: 1, ahead: roundedAhead }]);
    this.ends = { kinds: this.newest, sequence: next - 1, ahead: roundedAhead };
  }

  /** Needed after a transaction was rolled back or another process has written: memory and table differ. */
  private async reload(db: Kysely<ViewsSchema>, newest: number): Promise<void> {
    this.kinds.clear();
    this.owners.clear();
    for (const kind of await db.selectFrom('log_kinds').selectAll().execute()) this.remember(kind);
    this.newest = newest;
  }

  /** The id of the event's kind, which is added to `newKinds` if there is none yet. */
  private kindOf(event: ViewEvent, subject: string | null, again: Flag, newKinds: KindRow[]): number {
    const { actor } = event.metadata;
    const organization_id = this.organizationOf(event, subject);
    const candidates = this.kinds.get(event.type)?.get(subject)?.get(actor);
    if (candidates) for (const kind of candidates) if (kind.again === again && kind.organization_id === organization_id) return kind.id;
    const kind: KindRow = { id: ++this.newest, organization_id, type: event.type, actor, subject, again };
    newKinds.push(kind);
    this.remember(kind);
    return kind.id;
  }

  private remember(kind: KindRow): void {
    const { type, subject, actor, organization_id } = kind;
    const ofType = getOrAdd(this.kinds, type, () => new Map<string | null, Map<string, KindRow[]>>());
    const ofSubject = getOrAdd(ofType, subject, () => new Map<string, KindRow[]>());
    getOrAdd(ofSubject, actor, (): KindRow[] => []).push(kind);
    if (subject !== null && organization_id !== '') this.owners.set(subject, organization_id);
  }

  private organizationOf({ stream, data }: ViewEvent, subject: string | null): OrganizationId | '' {
    if ('organizationId' in data) return data.organizationId;
    if (stream.startsWith('organization-')) return organizationIdIn(stream);
    return (subject === null ? undefined : this.owners.get(subject)) ?? '';
  }
}

const getOrAdd = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
};

const noSubject: readonly null[] = [null];
/** Streams whose first event names their organization, and the others do not. A reading has the id of its source. */
const ownedCategories: ReadonlySet<string> = new Set(['endpoint', 'apikey', 'source', 'reading']);

/** The endpoints, the API key or the source that an event is about. One row for each, and at least one. */
const subjectsOf = ({ stream, data }: ViewEvent): readonly (string | null)[] => {
  if ('endpointId' in data && data.endpointId !== undefined) return [data.endpointId];
  if ('destinations' in data) {
    const endpoints: EndpointId[] = data.destinations.map(({ endpointId }) => endpointId);
    endpoints.push(...data.skipped);
    return endpoints.length === 0 ? noSubject : endpoints;
  }
  return ownedCategories.has(categoryOf(stream)) ? [idIn(stream)] : noSubject;
};

/** In one query, because the database may be far away. */
const readEnds = async (db: Kysely<ViewsSchema>): Promise<TableEnds> => {
  const { kinds, sequence, ahead } = await db
    .selectNoFrom([
      db.selectFrom('log_kinds').select('id').orderBy('id', 'desc').limit(1).as('kinds'),
      db.selectFrom('log_events').select('sequence').orderBy('sequence', 'desc').limit(1).as('sequence'),
      db.selectFrom('log_clock').select('ahead').as('ahead'),
    ])
    .executeTakeFirstOrThrow();
  return { kinds: kinds ?? 0, sequence: sequence ?? -1, ahead: ahead ?? 0 };
};
