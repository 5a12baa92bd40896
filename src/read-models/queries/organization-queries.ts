// Queries on an organization: itself, its event types, its API keys. The first argument is the caller's organization: no query shows another one's data.
import type { Kysely } from 'kysely';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import { parseJson } from '../../domain/exact-number.ts';
import type { ApiKeyId, OrganizationId } from '../../domain/ids.ts';
import type { Json } from '../../domain/json.ts';
import type { Audience } from '../../domain/organization-events.ts';
import { sharedByAll } from '../views/tables/event-types.ts';
import type { ViewsSchema } from '../views/schema.ts';
import { iso, isoOrNull } from './columns.ts';
import type { Count } from './counting.ts';
import { pageOf, positionKeyOf, type Page, type PageRequest } from './page.ts';

type EventTypeView = {
  readonly name: string;
  readonly group: string;
  readonly description: string | null;
  readonly sample: Json | null;
  readonly retired: boolean;
  readonly audience: Audience;
  /** Defined for every organization. */
  readonly shared: boolean;
};

/** Times are ISO 8601 in UTC with milliseconds. */
type OrganizationView = { readonly id: OrganizationId; readonly name: string; readonly createdAt: string };
export type ApiKeyView = {
  readonly id: ApiKeyId;
  readonly name: string;
  readonly role: ApiKeyRole;
  readonly spansOrganizations: boolean;
  readonly issuedAt: string;
  /** The actor of the event. */
  readonly issuedBy: string;
  /** Null: it does not expire. */
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
};

export class OrganizationQueries {
  /** @param read the current views; called for each query, since a rebuilt version may replace them at any time */
  constructor(private readonly read: () => Kysely<ViewsSchema>) {}

  async find(id: OrganizationId): Promise<OrganizationView | undefined> {
    const row = await this.read().selectFrom('organizations').selectAll().where('id', '=', id).executeTakeFirst();
    return row && { id: row.id, name: row.name, createdAt: iso(row.created_at) };
  }

  /** Its own, and those that all share and it does not define itself. By group, then by name. */
  async eventTypes(organization: OrganizationId): Promise<EventTypeView[]> {
    const query = this.read().selectFrom('event_types').selectAll().where('organization_id', 'in', [organization, sharedByAll]);
    const rows = await query.orderBy('group_name').orderBy('name').execute();
    const own = new Set(rows.flatMap(({ organization_id, name }) => (organization_id === organization ? [name] : [])));
    const shown = rows.filter(({ organization_id, name }) => organization_id === organization || !own.has(name));
    return shown.map(({ organization_id, name, group_name, description, sample, audience, retired }) => ({
      name,
      group: group_name,
      description,
      sample: sample === null ? null : parseJson(sample),
      retired: retired === 1,
      audience,
      shared: organization_id === sharedByAll,
    }));
  }

  async apiKey(organization: OrganizationId, id: ApiKeyId): Promise<ApiKeyView | undefined> {
    const query = this.read().selectFrom('api_keys').selectAll().where('id', '=', id).where('organization_id', '=', organization);
    const row = await query.executeTakeFirst();
    return row && apiKeyView(row);
  }

  async countApiKeys(organization: OrganizationId, shown: ShownKeys, max: number): Promise<Count> {
    const some = keysOf(this.read(), organization, shown)
      .select('id')
      .limit(max + 1)
      .as('some');
    const { count } = await this.read()
      .selectFrom(some)
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return { value: Math.min(count, max), exact: count <= max };
  }

  /** Newest first. */
  async apiKeys(organization: OrganizationId, { first, after }: PageRequest, shown: ShownKeys): Promise<Page<ApiKeyView>> {
    const before = positionKeyOf(after);
    let query = keysOf(this.read(), organization, shown).selectAll();
    if (before !== undefined) query = query.where('issued_position', '<', before);
    const rows = await query
      .orderBy('issued_position', 'desc')
      .limit(first + 1)
      .execute();
    return pageOf(rows, { first, after }, (row) => row.issued_position, apiKeyView);
  }
}

/** `spanning`: whether those that span the installation are shown, too. */
type ShownKeys = { readonly includeRevoked: boolean; readonly spanning: boolean };

const keysOf = (db: Kysely<ViewsSchema>, organization: OrganizationId, { includeRevoked, spanning }: ShownKeys) => {
  let query = db.selectFrom('api_keys').where('organization_id', '=', organization);
  if (!spanning) query = query.where('spans_organizations', '=', 0);
  return includeRevoked ? query : query.where('revoked_at', 'is', null);
};

const apiKeyView = (row: ViewsSchema['api_keys']): ApiKeyView => ({
  id: row.id,
  name: row.name,
  role: row.role,
  spansOrganizations: row.spans_organizations === 1,
  issuedAt: iso(row.issued_at),
  issuedBy: row.issued_by,
  expiresAt: isoOrNull(row.expires_at),
  revokedAt: isoOrNull(row.revoked_at),
});
