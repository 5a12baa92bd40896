// The read models: the views, and what queries them. Queries answer once the views are open.
import { sql, type Kysely } from 'kysely';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Position } from '../domain/ids.ts';
import type { EventStore } from '../event-store/event-store.ts';
import { ApiKeyUses } from '../read-models/api-key-uses.ts';
import { OrganizationRefusals } from '../read-models/organization-refusals.ts';
import { HistoryQueries } from '../read-models/history/history-queries.ts';
import { viewQueries, type ViewQueries } from '../read-models/queries/view-queries.ts';
import { FirstBuild } from '../read-models/views/first-build.ts';
import { LiveDeliveries } from '../read-models/views/live-deliveries.ts';
import { budgetedLog, budgetedTables } from '../read-models/engine/budgeted-reads.ts';
import type { Database } from '../read-models/engine/database/database.ts';
import type { ConsumerStatus } from '../read-models/engine/consumer-runner.ts';
import type { ViewsSchema } from '../read-models/views/schema.ts';
import { ViewsThread } from '../read-models/views/views-thread.ts';
import type { LogParts } from './open-log.ts';

/** Runs the consumer of the views: in a thread of its own, or in this one. */
type ViewsRunner = {
  /** The tables of now; take it for each query. */
  readonly read: Kysely<ViewsSchema>;
  /** Until this version has caught up, if it can read an older one. */
  readonly readsOlderVersion: boolean;
  start(): Promise<void>;
  status(): ConsumerStatus;
  /** @returns whether everything up to `position` was applied within `timeoutMs` */
  reached(position: Position, timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
};

export const viewsInThread =
  ({ store, database, databaseLocation }: LogParts, { log: address, logLevel }: Pick<Config, 'log' | 'logLevel'>, log: Logger) =>
  (live: LiveDeliveries): ViewsRunner =>
    new ViewsThread(store, database, live, log, { address, database: databaseLocation, logLevel });

export class ReadModels {
  private readonly store: Pick<EventStore, 'tip'>;
  private readonly database: Database;
  readonly queries: ViewQueries;
  readonly history: HistoryQueries;
  readonly live: LiveDeliveries;
  readonly views: ViewsRunner;
  readonly apiKeyUses: ApiKeyUses;
  readonly organizationRefusals: OrganizationRefusals;
  /** Queries are refused until it is done. */
  readonly firstBuild: FirstBuild;

  constructor(
    { store, database }: Pick<LogParts, 'store' | 'database'>,
    log: Pick<Logger, 'info' | 'warn'>,
    runViews: (live: LiveDeliveries) => ViewsRunner,
  ) {
    this.store = store;
    this.database = database;
    this.apiKeyUses = new ApiKeyUses(log);
    this.organizationRefusals = new OrganizationRefusals(log);
    const read = () => {
      this.firstBuild.check();
      return budgetedTables(this.views.read);
    };
    this.queries = viewQueries(read);
    this.history = new HistoryQueries(read, this.queries, budgetedLog(store));
    this.live = new LiveDeliveries(async (organizationId, id) =>
      (await this.queries.deliveries.ofBatch(organizationId, id)).map((delivery) => ({
        ...delivery,
        deliveryId: delivery.id,
        organizationId,
      })),
    );
    this.views = runViews(this.live);
    this.firstBuild = new FirstBuild(this.views);
  }

  /** Resolves once the tables are open, which is before they have caught up with the log. */
  async open(opened: AsyncDisposableStack): Promise<void> {
    this.firstBuild.begin(await this.store.tip());
    await this.views.start();
    opened.defer(() => this.views.stop());
    await this.apiKeyUses.open(this.database, opened);
    await this.organizationRefusals.open(this.database, opened);
  }

  /** For readiness. Rejects while the tables can't be read. */
  async readOnce(): Promise<void> {
    if (this.views.status().state !== 'starting') await this.views.read.selectFrom('checkpoint').select('id').execute();
  }

  /** For readiness. Rejects while PostgreSQL does not answer. */
  async databaseServer(): Promise<{ readonly server: string | undefined }> {
    const version = sql<{ server: string }>`SELECT 'PostgreSQL ' || current_setting('server_version') AS server`;
    const { rows } = await version.execute(this.views.read);
    return { server: rows[0]?.server };
  }
}
