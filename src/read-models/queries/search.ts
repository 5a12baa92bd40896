// Finds things by what an operator has at hand: an id or its beginning, the publisher's own id, part of a name or of a URL. Every look-up is bounded,
// and found by an index or among the rows of one organization.
import { sql, type Expression, type Kysely, type SqlBool } from 'kysely';
import { asApiKeyId, asDeliveryId, asEndpointId, asMessageId, asOrganizationId, type OrganizationId } from '../../domain/ids.ts';
import { messageIdOf } from '../../event-store/id-generation.ts';
import { mapInSlices } from '../../time-slices.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { textKey } from '../views/tables/endpoints.ts';
import { idKey } from '../views/tables/id-key.ts';
import { withoutIndex } from './columns.ts';

type Db = Kysely<ViewsSchema>;

type SearchedKind = 'organization' | 'endpoint' | 'message' | 'delivery' | 'event type' | 'api key';

/** `id`: of an event type, its name. */
export type SearchHit = { readonly kind: SearchedKind; readonly organizationId: OrganizationId; readonly id: string };

type SearchScope = {
  readonly organization: OrganizationId;
  /** Besides its own: what other organizations have, and these themselves. Undefined: none. */
  readonly others: readonly OrganizationId[] | undefined;
  /** Whether API keys are found; `spanning`: those that span the installation, too. */
  readonly apiKeys: boolean;
};

/** How well it fits; the best first. */
const ranks = { id: 0, clientId: 1, name: 2, beginning: 3, part: 4 };
type Ranked = SearchHit & { readonly rank: number };

const kindsInOrder: readonly SearchedKind[] = ['organization', 'endpoint', 'message', 'delivery', 'event type', 'api key'];
/** Rows that one look-up by the beginning of an id, or by part of a text, goes through. */
const maxScanned = 20_000;
/** Organizations in which a publisher's id is looked for, and ids in one statement. */
const maxOrganizations = 20_000;
const idsAtOnce = 1_000;

export class SearchQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Db) {}

  /** The best first, and at most `first`. @param text not empty */
  async search(text: string, first: number, scope: SearchScope): Promise<SearchHit[]> {
    const db = this.read();
    const found = await Promise.all([
      byId(db, text.toLowerCase(), scope),
      byBeginning(db, text.toLowerCase(), scope, first),
      byClientId(db, text, scope),
      endpointsBy(db, textKey(text), scope, first),
      eventTypesBy(db, text.toLowerCase(), scope, first),
      organizationsBy(db, text, scope, first),
      scope.apiKeys ? apiKeysBy(db, textKey(text), scope, first) : [],
    ]);
    const best = found.flat().sort((a, b) => a.rank - b.rank || kindsInOrder.indexOf(a.kind) - kindsInOrder.indexOf(b.kind));
    const hits = new Map(
      best.toReversed().map(({ kind, organizationId, id }) => [`${kind} ${organizationId} ${id}`, { kind, organizationId, id }]),
    );
    return Array.from(hits.values()).toReversed().slice(0, first);
  }
}

type Columns = { readonly id: string; readonly organization_id: OrganizationId };
const ranked =
  (kind: SearchedKind, rank: number) =>
  ({ id, organization_id }: Columns): Ranked => ({ kind, organizationId: organization_id, id, rank });

/** A condition that no index serves: the rows are found by another one. */
const inScope = ({ organization, others }: SearchScope): Expression<SqlBool> =>
  others ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${withoutIndex('organization_id')} = ${organization}`;

const columns = ['id', 'organization_id'] as const;

const byId = async (db: Db, id: string, scope: SearchScope): Promise<Ranked[]> => {
  const [messages, deliveries, endpoints, keys] = await Promise.all([
    db
      .selectFrom('messages')
      .select(columns)
      .where('id_key', '=', idKey(id))
      .where('id', '=', asMessageId(id))
      .where(inScope(scope))
      .execute(),
    db
      .selectFrom('deliveries')
      .select(columns)
      .where('id_key', '=', idKey(id))
      .where('id', '=', asDeliveryId(id))
      .where(inScope(scope))
      .execute(),
    db
      .selectFrom('endpoints')
      .select(columns)
      .where('id', '=', asEndpointId(id))
      .where('deleted_at', 'is', null)
      .where(inScope(scope))
      .execute(),
    scope.apiKeys ? db.selectFrom('api_keys').select(columns).where('id', '=', asApiKeyId(id)).where(visibleKeys(scope)).execute() : [],
  ]);
  return [
    ...messages.map(ranked('message', ranks.id)),
    ...deliveries.map(ranked('delivery', ranks.id)),
    ...endpoints.map(ranked('endpoint', ranks.id)),
    ...keys.map(ranked('api key', ranks.id)),
  ];
};

/** At least the first eight digits of a UUID, which narrow `id_key` to few rows. */
const idBeginning = /^[0-9a-f]{8}(-[0-9a-f]{0,4}(-[0-9a-f]{0,4}(-[0-9a-f]{0,4}(-[0-9a-f]{0,11})?)?)?)?$/;

const byBeginning = async (db: Db, text: string, scope: SearchScope, first: number): Promise<Ranked[]> => {
  if (!idBeginning.test(text)) return [];
  const digits = text.slice(4, 8) + text.slice(9, 13);
  const [from, to] = [Number.parseInt(digits.padEnd(13, '0'), 16), Number.parseInt(digits.padEnd(13, 'f'), 16)];
  const of = (table: 'messages' | 'deliveries') => {
    const rows = db.selectFrom(table).select(['id', 'organization_id', 'id_key']).where('id_key', '>=', from).where('id_key', '<=', to);
    return db
      .selectFrom(rows.orderBy('id_key', 'desc').limit(maxScanned).as('some'))
      .select(columns)
      .where('id', 'like', `${text}%` as never)
      .where(inScope(scope))
      .limit(first)
      .execute();
  };
  const endpoints = db
    .selectFrom('endpoints')
    .select(columns)
    .where('id', '>=', asEndpointId(text))
    .where('id', '<', asEndpointId(`${text}g`));
  const [messages, deliveries, some] = await Promise.all([
    of('messages'),
    of('deliveries'),
    endpoints.where('deleted_at', 'is', null).where(inScope(scope)).limit(first).execute(),
  ]);
  return [
    ...some.map(ranked('endpoint', ranks.beginning)),
    ...messages.map(ranked('message', ranks.beginning)),
    ...deliveries.map(ranked('delivery', ranks.beginning)),
  ];
};

/** A message's id follows from its organization and the id that its publisher gave. */
const byClientId = async (db: Db, text: string, { organization, others = [] }: SearchScope): Promise<Ranked[]> => {
  const organizations = [organization, ...others.filter((id) => id !== organization).slice(0, maxOrganizations)];
  const ids = await mapInSlices(organizations, (id) => messageIdOf(id, text));
  const found: Ranked[] = [];
  for (let i = 0; i < ids.length; i += idsAtOnce) {
    const some = ids.slice(i, i + idsAtOnce);
    const rows = db.selectFrom('messages').select(columns).where('id_key', 'in', some.map(idKey)).where('client_id', '=', text);
    const wanted = new Set(some);
    for (const row of await rows.execute()) if (wanted.has(row.id)) found.push(ranked('message', ranks.clientId)(row));
  }
  return found;
};

const rankOf = (name: string, text: string): number => (name === text ? ranks.name : name.startsWith(text) ? ranks.beginning : ranks.part);

const containing = (column: string, text: string) =>
  sql<SqlBool>`${sql.ref(column)} like ${`%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`} escape '\\'`;

/** In the whole installation, among as many of the newest as one search goes through. */
const endpointsBy = async (db: Db, text: string, { organization, others }: SearchScope, first: number): Promise<Ranked[]> => {
  const rows = db
    .selectFrom('endpoints')
    .select(['id', 'organization_id', 'name_key', 'search_key', 'created_position'])
    .where('deleted_at', 'is', null);
  const some = others ? rows : rows.where('organization_id', '=', organization);
  const found = await db
    .selectFrom(some.limit(maxScanned).as('some'))
    .select(['id', 'organization_id', 'name_key'])
    .where(containing('search_key', text))
    .orderBy((is) => is.case().when('name_key', '=', text).then(0).when('name_key', 'like', `${text}%`).then(1).else(2).end())
    .orderBy('created_position', 'desc')
    .limit(first)
    .execute();
  return found.map((row) => ranked('endpoint', rankOf(row.name_key, text))(row));
};

const eventTypesBy = async (db: Db, text: string, { organization }: SearchScope, first: number): Promise<Ranked[]> => {
  const rows = await db
    .selectFrom('event_types')
    .select(['name', 'organization_id'])
    .where('organization_id', '=', organization)
    .where(sql<SqlBool>`lower(name) like ${`%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`} escape '\\'`)
    .orderBy('name')
    .limit(10 * first)
    .execute();
  return rows.map(({ name, organization_id }) => ranked('event type', rankOf(name.toLowerCase(), text))({ id: name, organization_id }));
};

const organizationsBy = async (db: Db, text: string, { others }: SearchScope, first: number): Promise<Ranked[]> => {
  if (!others) return [];
  const key = text.toLowerCase();
  const rows = await db
    .selectFrom('organizations')
    .select(['id', 'name'])
    .where('deleted_at', 'is', null)
    .where((is) => is.or([is('id', '=', asOrganizationId(text)), containing('search_key', key)]))
    .orderBy((is) => is.case().when('id', '=', asOrganizationId(text)).then(0).else(1).end())
    .orderBy('created_position', 'desc')
    .limit(first)
    .execute();
  return rows.map(({ id, name }) => {
    const rank = id === text ? ranks.id : Math.min(rankOf(id.toLowerCase(), key), rankOf(name.toLowerCase(), key));
    return ranked('organization', rank)({ id, organization_id: id });
  });
};

const visibleKeys = ({ organization, others }: SearchScope): Expression<SqlBool> =>
  others ? sql<SqlBool>`1 = 1` : sql<SqlBool>`${withoutIndex('organization_id')} = ${organization} and spans_organizations = 0`;

const apiKeysBy = async (db: Db, text: string, scope: SearchScope, first: number): Promise<Ranked[]> => {
  const rows = await db
    .selectFrom('api_keys')
    .select(['id', 'organization_id', 'name'])
    .where('organization_id', '=', scope.organization)
    .where(visibleKeys(scope))
    .where(sql<SqlBool>`lower(name) like ${`%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`} escape '\\'`)
    .orderBy('issued_position', 'desc')
    .limit(first)
    .execute();
  return rows.map((row) => ranked('api key', rankOf(textKey(row.name), text))(row));
};
