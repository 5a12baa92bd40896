// The history: pages of the log itself, filtered by an index. The first argument is the caller's organization: no query shows another one's events.
import type { Kysely } from 'kysely';
import { badInput, notFound } from '../../domain/errors.ts';
import type { OrganizationId } from '../../domain/ids.ts';
import type { EventStore, RecordedEvent } from '../../event-store/event-store.ts';
import { keyOf, pageOf, type Page, type PageRequest } from '../queries/page.ts';
import type { ViewQueries } from '../queries/view-queries.ts';
import { checkSpan, matchesFilter, type HistoryFilter } from './history-filter.ts';
import { historySequenceAt } from '../views/tables/history.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { batchStream, deliveryStream, messageStream } from '../../domain/streams.ts';

type Db = Kysely<ViewsSchema>;
type Row = ViewsSchema['log_events'];
/** Sequences from and to (exclusive), and the times that they are to be of. */
type Range = { readonly from: number; readonly to: number; readonly since: number | undefined; readonly until: number | undefined };
type Order = 'asc' | 'desc';

/** With up to this many kinds, each is read. With more, the kinds that come first in the page's order are found first. */
const maxRuns = 60;
/** Rows to scan before that: frequent kinds fill a page at once. */
const maxScanned = 4_000;
/** Streams to read at the same time. */
const maxReads = 100;

export class HistoryQueries {
  /**
   * @param read the current views; called for each query, since a rebuilt version may replace them at any time
   * @param scanned rows to scan before rare kinds are looked up in the index
   */
  constructor(
    private readonly read: () => Db,
    private readonly queries: Pick<ViewQueries, 'messages' | 'deliveries'>,
    private readonly log: Pick<EventStore, 'readStream'>,
    private readonly scanned = maxScanned,
  ) {}

  /**
   * In log order, or newest first.
   * @throws DomainError if `until` is before `since`, a cursor names no event here, or there is no such id
   */
  async history(
    organization: OrganizationId,
    page: PageRequest,
    filter: HistoryFilter = {},
    newestFirst = false,
  ): Promise<Page<RecordedEvent>> {
    checkSpan(filter.since, filter.until, 'filter.until');
    const { messageId, deliveryId } = filter;
    const order = newestFirst ? 'desc' : 'asc';
    return messageId || deliveryId ? this.ofStreams(organization, page, filter, order) : this.indexed(organization, page, filter, order);
  }

  // ── By the index ──

  private async indexed(
    organization: OrganizationId,
    { first, after }: PageRequest,
    filter: HistoryFilter,
    order: Order,
  ): Promise<Page<RecordedEvent>> {
    const db = this.read();
    if (filter.endpointId) await this.checkEndpoint(db, organization, filter.endpointId);
    const range = await rangeOf(db, filter, after, order);
    const kinds = await kindsOf(db, organization, filter);
    const sequences = await sequencesOf(db, kinds, range, order, first + 1, this.scanned);
    const rows =
      sequences.length === 0
        ? []
        : await db.selectFrom('log_events').selectAll().where('sequence', 'in', sequences).orderBy('sequence', order).execute();
    const events = await this.eventsOf(rows.slice(0, first));
    return pageOf(
      rows,
      { first, after },
      ({ sequence }) => sequence,
      (row) => eventAt(events, row),
    );
  }

  private async checkEndpoint(db: Db, organization: OrganizationId, id: string): Promise<void> {
    const query = db.selectFrom('log_kinds').select('id').where('subject', '=', id).where('organization_id', '=', organization);
    if (!(await query.limit(1).executeTakeFirst())) throw notFound(`There is no endpoint "${id}", and never was one.`);
  }

  /** Reads the events from the log. Neighbours in a stream are read together. */
  private async eventsOf(rows: readonly Row[]): Promise<ReadonlyMap<string, RecordedEvent>> {
    const spans: { stream: string; from: number; upTo: number }[] = [];
    for (const { stream, revision } of rows.toSorted((a, b) => a.revision - b.revision)) {
      const span = spans.find((each) => each.stream === stream && each.upTo + 1 === revision);
      if (span) span.upTo = revision;
      else spans.push({ stream, from: revision, upTo: revision });
    }
    const events = await this.readAll(spans);
    return new Map(events.map((event) => [revisionKey(event), event]));
  }

  private async readAll(spans: readonly { stream: string; from?: number; upTo?: number }[]): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for (let i = 0; i < spans.length; i += maxReads) {
      const read = await Promise.all(spans.slice(i, i + maxReads).map(({ stream, ...range }) => this.log.readStream(stream, range)));
      events.push(...read.flat());
    }
    return events;
  }

  // ── By the streams of a message or a delivery: few events, found without the index ──

  private async ofStreams(
    organization: OrganizationId,
    { first, after }: PageRequest,
    filter: HistoryFilter,
    order: Order,
  ): Promise<Page<RecordedEvent>> {
    const streams = await this.streamsOf(organization, filter);
    const all = await this.readAll(streams.map((stream) => ({ stream })));
    const sign = order === 'asc' ? 1 : -1;
    const events = all.filter((event) => matchesFilter(event, filter)).sort((a, b) => (a.position < b.position ? -sign : sign));
    const key = keyOf(after);
    const seen = key === undefined ? 0 : events.findIndex(({ position }) => `${positionMark}${position}` === key) + 1;
    if (key !== undefined && seen === 0) throw noSuchCursor();
    return pageOf(
      events.slice(seen, seen + first + 1),
      { first, after },
      ({ position }) => `${positionMark}${position}`,
      (event) => event,
    );
  }

  private async streamsOf(organization: OrganizationId, { messageId, deliveryId }: HistoryFilter): Promise<string[]> {
    if (messageId && !(await this.queries.messages.find(organization, messageId)))
      throw notFound(`There is no message "${messageId}"; \`messages\` lists the ones that exist.`);
    const delivery = deliveryId ? await this.queries.deliveries.find(organization, deliveryId) : undefined;
    if (deliveryId && !delivery) throw notFound(`There is no delivery "${deliveryId}"; \`deliveries\` lists the ones that exist.`);
    if (messageId && delivery && delivery.messageId !== messageId) return [];
    const deliveries = delivery ? [delivery] : messageId ? await this.queries.deliveries.ofMessages(organization, [messageId]) : [];
    const batches = new Set(deliveries.flatMap(({ batch }) => (batch ? [batch.id] : [])));
    return [
      ...(messageId && !delivery ? [messageStream(messageId)] : []),
      ...deliveries.map(({ id }) => deliveryStream(id)),
      ...Array.from(batches, batchStream),
    ];
  }
}

/** Begins the cursors of histories by streams. The other cursors are sequences. */
const positionMark = 'at-';

const noSuchCursor = () =>
  badInput('after', 'This cursor is of no event in this history; give the `endCursor` of the previous page, or leave it out.');

const revisionKey = ({ stream, revision }: Pick<Row, 'stream' | 'revision'>) => `${stream}@${revision}`;

const eventAt = (events: ReadonlyMap<string, RecordedEvent>, row: Row): RecordedEvent => {
  const event = events.get(revisionKey(row));
  if (!event) throw new Error(`The log has no revision ${row.revision} of ${row.stream}, though the history names it.`);
  return event;
};

// ── Which rows ──

const kindsOf = async (db: Db, organization: OrganizationId, { endpointId, actor, types }: HistoryFilter): Promise<number[]> => {
  if (types?.length === 0) return [];
  let query = db.selectFrom('log_kinds').select('id').where('organization_id', 'in', [organization, '']);
  query = endpointId ? query.where('subject', '=', endpointId) : query.where('again', '=', 0);
  if (actor) query = query.where('actor', '=', actor);
  if (types) query = query.where('type', 'in', types);
  return (await query.execute()).map(({ id }) => id);
};

const rangeOf = async (db: Db, { since, until }: HistoryFilter, after: string | null | undefined, order: Order): Promise<Range> => {
  const key = keyOf(after);
  const seen = key === undefined ? undefined : /^\d{1,16}$/.test(key) ? Number(key) : -1;
  if (seen !== undefined && !(await db.selectFrom('log_events').select('kind').where('sequence', '=', seen).executeTakeFirst()))
    throw noSuchCursor();
  const clock = until ? await db.selectFrom('log_clock').select('ahead').executeTakeFirst() : undefined;
  const from = since ? historySequenceAt(since.getTime()) : 0;
  const to = until ? historySequenceAt(until.getTime()) + (clock?.ahead ?? 0) : Number.MAX_SAFE_INTEGER;
  return {
    from: order === 'asc' && seen !== undefined ? Math.max(from, seen + 1) : from,
    to: order === 'desc' && seen !== undefined ? Math.min(to, seen) : to,
    since: since?.getTime(),
    until: until?.getTime(),
  };
};

const within = (db: Db, { from, to, since, until }: Range) => {
  let query = db.selectFrom('log_events').where('sequence', '>=', from).where('sequence', '<', to);
  if (since !== undefined) query = query.where('recorded_at', '>=', since);
  if (until !== undefined) query = query.where('recorded_at', '<', until);
  return query;
};

const sequencesOf = async (
  db: Db,
  kinds: readonly number[],
  range: Range,
  order: Order,
  limit: number,
  most: number,
): Promise<number[]> => {
  if (kinds.length <= maxRuns) return firstOfKinds(db, kinds, range, order, limit);
  // 1. Scan along the log: frequent kinds fill the page.
  const found = await scan(db, new Set(kinds), range, order, limit, most);
  if (found) return found;
  // 2. Only the kinds that come first in this order can be in the page: as many as it has rows.
  const heads = await headsOf(db, kinds, range, order);
  const next = heads.sort((a, b) => (order === 'asc' ? a.head - b.head : b.head - a.head)).slice(0, limit);
  return firstOfKinds(
    db,
    next.map(({ id }) => id),
    range,
    order,
    limit,
  );
};

/** The first rows of several kinds: the first of each kind's first. */
const firstOfKinds = async (db: Db, kinds: readonly number[], range: Range, order: Order, limit: number): Promise<number[]> => {
  const runs = kinds.map((kind) => within(db, range).where('kind', '=', kind).select('sequence').orderBy('sequence', order).limit(limit));
  const [first, ...others] = runs.map((run) => db.selectFrom(run.as('run')).select('run.sequence'));
  if (!first) return [];
  let all = first;
  for (const other of others) all = all.unionAll(other);
  const rows = await all.orderBy('sequence', order).limit(limit).execute();
  return rows.map(({ sequence }) => sequence);
};

/** Undefined: the page is not full after `most` rows. */
const scan = async (
  db: Db,
  kinds: ReadonlySet<number>,
  range: Range,
  order: Order,
  limit: number,
  most: number,
): Promise<number[] | undefined> => {
  const found: number[] = [];
  let { from, to } = range;
  for (let size = 4 * limit, left = most; left > 0; left -= size) {
    const rows = await within(db, { ...range, from, to })
      .select(['sequence', 'kind'])
      .orderBy('sequence', order)
      .limit(size)
      .execute();
    for (const { sequence, kind } of rows) if (kinds.has(kind)) found.push(sequence);
    const last = rows.at(-1)?.sequence;
    if (found.length >= limit || rows.length < size || last === undefined) return found.slice(0, limit);
    if (order === 'asc') from = last + 1;
    else to = last;
  }
  return undefined;
};

/** The first row of each kind that has one in the range. */
const headsOf = async (db: Db, kinds: readonly number[], range: Range, order: Order): Promise<{ id: number; head: number }[]> => {
  const rows: { id: number; head: number | null }[] = [];
  const mostParameters = 5_000;
  for (let i = 0; i < kinds.length; i += mostParameters)
    rows.push(
      ...(await db
        .selectFrom('log_kinds')
        .where('id', 'in', kinds.slice(i, i + mostParameters))
        .select((kind) => [
          'id',
          within(kind as unknown as Db, range)
            .whereRef('log_events.kind', '=', 'log_kinds.id' as never)
            .select('sequence')
            .orderBy('sequence', order)
            .limit(1)
            .as('head'),
        ])
        .execute()),
    );
  return rows.flatMap(({ id, head }) => (head === null ? [] : [{ id, head }]));
};
