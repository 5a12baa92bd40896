// Keeps the tables of the history. What an event is by who, what and where makes its kind, and one index over kinds serves every filter:
// a row is a few numbers and the place of the event in the log, where the event itself is read from.
import type { Kysely } from 'kysely';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { Transaction } from '../engine/database/database.ts';
import type { ViewEvent } from '../views/view-event.ts';
import { momentOf } from '../views/moment.ts';
import type { HistorySchema } from './history-schema.ts';
import { organizationIdIn } from '../../domain/streams.ts';

type Kind = HistorySchema['log_kinds'];

/** Of a moment: no event that was recorded at it, or later, has a lower sequence. */
export const historySequenceAt = (milliseconds: number) => milliseconds * 1000;

export class HistoryIndex {
  /** By type, subject and actor; of each few. */
  private readonly kinds = new Map<string, Map<string | null, Map<string, Kind[]>>>();
  /** Whose an endpoint, an API key or a source is: their later events do not say it. */
  private readonly owners = new Map<string, OrganizationId>();
  private newest = 0;
  /** What would be asked of the tables, where nobody else writes them. */
  private stands: Standing | undefined;

  async apply<S extends HistorySchema>(batch: readonly ViewEvent[], transaction: Transaction<S>): Promise<void> {
    const tx = transaction as unknown as Transaction<HistorySchema>; // the tables beside these are not looked at
    const stands = (tx.isOnlyWriter ? this.stands : undefined) ?? (await standing(tx.kysely));
    if (stands.kinds !== this.newest) await this.recall(tx.kysely, stands.kinds);
    let next = stands.sequence + 1;
    let ahead = 0;
    const before = this.newest;
    const made: Kind[] = [];
    const rows: HistorySchema['log_events'][] = [];
    for (const event of batch) {
      const { position, stream, revision } = event;
      const recorded_at = momentOf(event.recordedAt);
      const at = historySequenceAt(recorded_at);
      let again: 0 | 1 = 0;
      for (const subject of subjectsOf(event)) {
        const sequence = Math.max(next, at);
        next = sequence + 1;
        ahead = Math.max(ahead, sequence - at);
        rows.push({ sequence, kind: this.kindOf(event, subject, again, made), position, stream, revision, recorded_at });
        again = 1;
      }
    }
    if (this.newest > before) await tx.insert('log_kinds', made);
    await tx.insert('log_events', rows);
    // By powers of two, so that it is written seldom.
    const aheadNow = ahead > stands.ahead ? 2 ** Math.ceil(Math.log2(ahead)) : stands.ahead;
    if (aheadNow !== stands.ahead) await tx.upsert('log_clock', ['id'], [{ id: 1, ahead: aheadNow }]);
    this.stands = { kinds: this.newest, sequence: next - 1, ahead: aheadNow };
  }

  /** What is remembered is what the table holds: a transaction may have been rolled back, or another process have written. */
  private async recall(db: Kysely<HistorySchema>, newest: number): Promise<void> {
    this.kinds.clear();
    this.owners.clear();
    for (const kind of await db.selectFrom('log_kinds').selectAll().execute()) this.learn(kind);
    this.newest = newest;
  }

  private kindOf(event: ViewEvent, subject: string | null, again: 0 | 1, made: Kind[]): number {
    const { actor } = event.metadata;
    const organization_id = this.organizationOf(event, subject);
    const known = this.kinds.get(event.type)?.get(subject)?.get(actor);
    if (known) for (const kind of known) if (kind.again === again && kind.organization_id === organization_id) return kind.id;
    const kind: Kind = { id: ++this.newest, organization_id, type: event.type, actor, subject, again };
    made.push(kind);
    this.learn(kind);
    return kind.id;
  }

  private learn(kind: Kind): void {
    const { type, subject, actor, organization_id } = kind;
    const ofType = within(this.kinds, type, () => new Map<string | null, Map<string, Kind[]>>());
    const ofSubject = within(ofType, subject, () => new Map<string, Kind[]>());
    within(ofSubject, actor, (): Kind[] => []).push(kind);
    if (subject !== null && organization_id !== '') this.owners.set(subject, organization_id);
  }

  private organizationOf({ stream, data }: ViewEvent, subject: string | null): OrganizationId | '' {
    if ('organizationId' in data) return data.organizationId;
    if (stream.startsWith('organization-')) return organizationIdIn(stream);
    return (subject === null ? undefined : this.owners.get(subject)) ?? '';
  }
}

const within = <K, V>(map: Map<K, V>, key: K, made: () => V): V => {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = made()));
  return value;
};

const nothing: readonly null[] = [null];
/** Of streams whose first event says whose they are, and the others don't; a reading has the id of its source. */
const ownedCategories: ReadonlySet<string> = new Set(['endpoint', 'apikey', 'source', 'reading']);

/** The endpoints, the API key or the source that an event is about; one row for each, and one at least. */
const subjectsOf = ({ stream, data }: ViewEvent): readonly (string | null)[] => {
  if ('endpointId' in data) return [data.endpointId];
  if ('destinations' in data) {
    const endpoints: EndpointId[] = data.destinations.map(({ endpointId }) => endpointId);
    endpoints.push(...data.skipped);
    return endpoints.length === 0 ? nothing : endpoints;
  }
  const dash = stream.indexOf('-');
  const category = stream.slice(0, dash);
  return ownedCategories.has(category) ? [stream.slice(dash + 1)] : nothing;
};

/** The newest kind and the last sequence, and how far the clock is known to run behind. */
type Standing = { readonly kinds: number; readonly sequence: number; readonly ahead: number };

/** One question, as a database may be far away. */
const standing = async (db: Kysely<HistorySchema>): Promise<Standing> => {
  const { kinds, sequence, ahead } = await db
    .selectNoFrom([
      db.selectFrom('log_kinds').select('id').orderBy('id', 'desc').limit(1).as('kinds'),
      db.selectFrom('log_events').select('sequence').orderBy('sequence', 'desc').limit(1).as('sequence'),
      db.selectFrom('log_clock').select('ahead').as('ahead'),
    ])
    .executeTakeFirstOrThrow();
  return { kinds: kinds ?? 0, sequence: sequence ?? -1, ahead: ahead ?? 0 };
};
