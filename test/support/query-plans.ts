// Which plan a database makes for the statements of a test: whether an index finds their rows.
import { CompiledQuery, sql, type Kysely, type RootOperationNode } from 'kysely';
import type { ViewsSchema } from '../../src/read-models/views/schema.ts';
import { postgresUrl, type DatabaseKind } from './databases.ts';
import { withPostgres } from './postgres.ts';

type Plan = { readonly sql: string; readonly plan: readonly string[] };
type Explain = (asked: string, parameters: readonly unknown[]) => Promise<Record<string, unknown>[]>;

/** Records the statements that are made through `read`. */
export class QueryPlans {
  readonly read: Kysely<ViewsSchema>;
  private readonly statements: RootOperationNode[] = [];
  private readonly explain: Explain;
  private readonly scanned: (step: string, next: string | undefined) => boolean;

  /** @param tables large ones, which no statement may read from one end to the other: a pattern of their names */
  constructor(kind: DatabaseKind['name'], views: Kysely<ViewsSchema>, { source: tables }: RegExp) {
    this.read = views.withPlugin({
      transformQuery: ({ node }) => {
        this.statements.push(node);
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    this.explain = kind === 'sqlite' ? onSqlite(views) : onPostgres(views);
    const [scan, seqScan, index] = [`^SCAN (${tables})\\b`, `Seq Scan on (${tables})\\b`, `Index .*Scan .*on (${tables})\\b`];
    this.scanned =
      kind === 'sqlite'
        ? (step) => new RegExp(scan).test(step)
        : (step, next) => new RegExp(seqScan).test(step) || (new RegExp(index).test(step) && !next?.includes('Index Cond'));
  }

  forget(): void {
    this.statements.length = 0;
  }

  /** Of what was asked since the last call: a line for each step. */
  async take(): Promise<Plan[]> {
    const explained = [];
    for (const node of this.statements.splice(0)) {
      const { sql: asked, parameters } = this.read.getExecutor().compileQuery(node, { queryId: 'plan' });
      const rows = await this.explain(asked, parameters);
      explained.push({ sql: asked, plan: rows.map((row) => String(row['detail'] ?? row['QUERY PLAN'])) });
    }
    return explained;
  }

  /** Of those, the plans that read a large table, or a whole index of it, from one end to the other. */
  async takeScans(): Promise<Plan[]> {
    return (await this.take()).filter(({ plan }) => plan.some((step, i) => this.scanned(step, plan[i + 1])));
  }
}

const onSqlite =
  (views: Kysely<ViewsSchema>): Explain =>
  async (asked, parameters) =>
    (await views.executeQuery<Record<string, unknown>>(CompiledQuery.raw(`EXPLAIN QUERY PLAN ${asked}`, [...parameters]))).rows;

/** In few rows an index costs more than it saves: with whole tables made dear, the plan shows what an index can serve. */
const onPostgres =
  (views: Kysely<ViewsSchema>): Explain =>
  async (asked, parameters) => {
    const { rows } = await sql<{ schema: string }>`select current_schema() as schema`.execute(views);
    const schema = rows[0]?.schema ?? '';
    return withPostgres(await postgresUrl(), async (client) => {
      await client.query(`SET search_path TO ${schema}; SET enable_seqscan = off; SET enable_bitmapscan = off`);
      return (await client.query<Record<string, unknown>>(`EXPLAIN ${asked}`, [...parameters])).rows;
    });
  };
