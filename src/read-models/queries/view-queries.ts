// All queries on one set of views.
import type { Kysely } from 'kysely';
import type { ViewsSchema } from '../views/schema.ts';
import { BulkRetryQueries } from './bulk-retry-queries.ts';
import { DeliveryQueries } from './delivery-queries.ts';
import { DeliveryStatsQueries } from './delivery-stats.ts';
import { EndpointQueries } from './endpoint-queries.ts';
import { MessageQueries } from './message-queries.ts';
import { OrganizationList } from './organization-list.ts';
import { OrganizationQueries } from './organization-queries.ts';
import { ReplayQueries } from './replay-queries.ts';
import { SearchQueries } from './search.ts';
import { SourceQueries } from './source-queries.ts';

export type ViewQueries = ReturnType<typeof viewQueries>;

/**
 * @param read the current views; called for each query, since a rebuilt version may replace them at any time
 * @param now when the windows of success rates end: left out, the present
 */
export const viewQueries = (read: () => Kysely<ViewsSchema>, now?: () => Date) => ({
  endpoints: new EndpointQueries(read, now),
  messages: new MessageQueries(read),
  deliveries: new DeliveryQueries(read),
  organizations: new OrganizationQueries(read),
  organizationList: new OrganizationList(read, now),
  bulkRetries: new BulkRetryQueries(read),
  replays: new ReplayQueries(read),
  stats: new DeliveryStatsQueries(read),
  search: new SearchQueries(read),
  sources: new SourceQueries(read),
});
