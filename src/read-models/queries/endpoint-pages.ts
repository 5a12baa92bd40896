// Pages of endpoints in three orders. Each order is an index, and a cursor names the last row's place in it.
import { expressionBuilder, sql, type Expression, type Kysely, type SqlBool } from 'kysely';
import type { HealthState } from '../../domain/circuit.ts';
import type { EndpointStatus } from '../../domain/endpoint.ts';
import { asEndpointId, asPosition, type EndpointId, type OrganizationId } from '../../domain/ids.ts';
import type { TypeKind } from '../../domain/routing.ts';
import { entriesFor } from '../../domain/subscription.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { textKey } from '../views/tables/endpoints.ts';
import { countUpTo, type Count } from './counting.ts';
import { hasHealth } from './endpoint-health.ts';
import { isGiven, type Optional } from './optional.ts';
import { cursorOf, keyOf, otherList, type Page, type PageRequest } from './page.ts';

type Db = Kysely<ViewsSchema>;
type Row = ViewsSchema['endpoints'];

export const endpointOrders = ['NEWEST', 'NAME', 'FAILING_FIRST'] as const;
/** FAILING_FIRST: open circuits, then failing endpoints, those that fail longest first; then the others, newest first. */
export type EndpointOrder = (typeof endpointOrders)[number];

/** All that is given must hold. */
export type EndpointFilter = {
  /** Only these. */
  readonly ids?: Optional<readonly EndpointId[]>;
  readonly status?: Optional<EndpointStatus>;
  readonly health?: Optional<HealthState>;
  /** Part of the name, or of the URL as it is shown to those who may not see secrets; any case. */
  readonly search?: Optional<string>;
  /** They subscribe to that type, and it may go there. */
  readonly eventType?: Optional<TypeKind & { readonly type: string }>;
};

/** A row and its place in the order. */
type Placed = { readonly key: string; readonly row: Row };

export const endpointPage = async (
  db: Db,
  organization: OrganizationId,
  { first, after }: PageRequest,
  filter: EndpointFilter,
  order: EndpointOrder,
): Promise<Page<Row>> => {
  const conditions = conditionsOf(organization, filter);
  const key = keyOf(after);
  const rows = await pages[order](db, organization, conditions, key, first + 1);
  const edges = rows.slice(0, first).map((placed) => ({ cursor: cursorOf(placed.key), node: placed.row }));
  return { edges, hasNextPage: rows.length > first, hasPreviousPage: isGiven(after), endCursor: edges.at(-1)?.cursor ?? null };
};

export const countEndpoints = (db: Db, organization: OrganizationId, filter: EndpointFilter, max: number): Promise<Count> => {
  const conditions = conditionsOf(organization, filter);
  const walk = (before: number | string | undefined, limit: number) => {
    const rows = db
      .selectFrom('endpoints')
      .select('created_position as key')
      .select((is) => is.case().when(is.and(conditions)).then(1).else(0).end().as('hit'))
      .where('organization_id', '=', organization)
      .orderBy('created_position', 'desc')
      .limit(limit);
    return before === undefined ? rows : rows.where('created_position', '<', asPosition(String(before)));
  };
  return countUpTo(db, [walk], max);
};

const conditionsOf = (organization: OrganizationId, { ids, status, health, search, eventType }: EndpointFilter): Expression<SqlBool>[] => {
  const is = expressionBuilder<ViewsSchema, 'endpoints'>();
  const conditions: Expression<SqlBool>[] = [is('endpoints.deleted_at', 'is', null)];
  if (isGiven(ids)) conditions.push(is('endpoints.id', 'in', ids));
  if (isGiven(status)) conditions.push(is('endpoints.status', '=', status));
  if (isGiven(health)) conditions.push(hasHealth(organization, health));
  if (isGiven(search) && search !== '') conditions.push(contains('endpoints.search_key', search));
  if (isGiven(eventType)) {
    const subscribed = is.selectFrom('endpoint_subscriptions').select('endpoint_id').where('organization_id', '=', organization);
    conditions.push(is('endpoints.id', 'in', subscribed.where('entry', 'in', entriesFor(eventType.type, eventType.group))));
    if (eventType.isInternal) conditions.push(is('endpoints.audience', 'is', null));
  }
  return conditions;
};

const contains = (column: string, text: string): Expression<SqlBool> =>
  sql<SqlBool>`${sql.ref(column)} like ${`%${escaped(textKey(text))}%`} escape '\\'`;

const escaped = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`);

type PageOf = (
  db: Db,
  organization: OrganizationId,
  conditions: readonly Expression<SqlBool>[],
  after: string | undefined,
  limit: number,
) => Promise<Placed[]>;

const ofOrganization = (db: Db, organization: OrganizationId, conditions: readonly Expression<SqlBool>[]) =>
  db
    .selectFrom('endpoints')
    .selectAll('endpoints')
    .where('endpoints.organization_id', '=', organization)
    .where((is) => is.and(conditions));

const newestFirst: PageOf = async (db, organization, conditions, after, limit) => {
  let query = ofOrganization(db, organization, conditions);
  if (after !== undefined && !/^\d/.test(after)) throw otherList(); // positions are digits
  if (after !== undefined) query = query.where('created_position', '<', asPosition(after));
  const rows = await query.orderBy('created_position', 'desc').limit(limit).execute();
  return rows.map((row) => ({ key: row.created_position, row }));
};

const byName: PageOf = async (db, organization, conditions, after, limit) => {
  let query = ofOrganization(db, organization, conditions);
  if (after !== undefined) {
    const [, name, position] = /^name\.([\w-]*)\.(.+)$/.exec(after) ?? [];
    if (name === undefined || position === undefined) throw otherList();
    const last = Buffer.from(name, 'base64url').toString();
    query = query.where('name_key', '>=', last);
    query = query.where((is) => is.or([is('name_key', '>', last), is('created_position', '>', asPosition(position))]));
  }
  const rows = await query.orderBy('name_key').orderBy('created_position').limit(limit).execute();
  return rows.map((row) => ({ key: `name.${Buffer.from(row.name_key).toString('base64url')}.${row.created_position}`, row }));
};

/** In this order. */
const states = ['OPEN', 'FAILING', 'HEALTHY'] as const;

const failingFirst: PageOf = async (db, organization, conditions, after, limit) => {
  const [, last, place] = after === undefined ? [] : (/^(OPEN|FAILING|HEALTHY)\.(.+)$/.exec(after) ?? []);
  const from = states.findIndex((state) => state === last);
  if (after !== undefined && from === -1) throw otherList();
  const found: Placed[] = [];
  for (const [i, state] of states.entries()) {
    if (i < from || found.length >= limit) continue;
    const page = state === 'HEALTHY' ? healthy : failing(state);
    const rows = await page(db, organization, conditions, i === from ? place : undefined, limit - found.length);
    found.push(...rows.map(({ key, row }) => ({ key: `${state}.${key}`, row })));
  }
  return found;
};

const healthy: PageOf = (db, organization, conditions, after, limit) =>
  newestFirst(db, organization, [...conditions, hasHealth(organization, 'HEALTHY')], after, limit);

/** Those that are so longest first. */
const failing =
  (state: 'OPEN' | 'FAILING'): PageOf =>
  async (db, organization, conditions, after, limit) => {
    let query = db
      .selectFrom('endpoint_health')
      .innerJoin('endpoints', 'endpoints.id', 'endpoint_health.endpoint_id')
      .selectAll('endpoints')
      .select('endpoint_health.since')
      .where('endpoint_health.organization_id', '=', organization)
      .where('endpoint_health.state', '=', state)
      .where((is) => is.and(conditions));
    if (after !== undefined) {
      const [, since, id] = /^(\d{1,16})\.(.+)$/.exec(after) ?? [];
      if (since === undefined || id === undefined) throw otherList();
      query = query.where('endpoint_health.since', '>=', Number(since));
      query = query.where((is) =>
        is.or([is('endpoint_health.since', '>', Number(since)), is('endpoint_health.endpoint_id', '>', asEndpointId(id))]),
      );
    }
    const rows = await query.orderBy('endpoint_health.since').orderBy('endpoint_health.endpoint_id').limit(limit).execute();
    return rows.map(({ since, ...row }) => ({ key: `${since ?? 0}.${row.id}`, row }));
  };

const pages: Readonly<Record<EndpointOrder, PageOf>> = { NEWEST: newestFirst, NAME: byName, FAILING_FIRST: failingFirst };
