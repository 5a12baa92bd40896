// Consoles that are open, without a browser: each has a WebSocket and asks and watches what the pages `Deliveries` and `Overview` do, in the console's own documents.
import { setTimeout as delay } from 'node:timers/promises';
import { print, type DocumentNode } from 'graphql';
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { serve } from './processes.ts';

export type Watching = {
  /** Of one page's query, in milliseconds, by its name. */
  readonly p95Ms: Readonly<Record<string, number>>;
  readonly answers: number;
  /** Seconds between a delivery and the newest that a console shows, at the worst moment of the worst console. */
  readonly farthestBehind: number;
  readonly problems: readonly string[];
};

/** The pages' modules belong to the console's own TypeScript project. */
const documentsOf = async (file: string) =>
  (await import(new URL(`../console/src/${file}`, import.meta.url).href)) as Record<string, DocumentNode>;
const text = (document: DocumentNode | undefined): string => {
  if (!document) throw new Error('A page no longer has this document.');
  return print(document);
};

type Target = { readonly url: string; readonly key: string };
type Row = { readonly createdAt: string };

/** As the pages have them: how often the table is asked for again while more changes than is sent, and the overview for new figures. */
const tableEveryMs = 2_000;
const overviewEveryMs = 5_000;
const balanceEveryMs = 60_000;
const hourMs = 3_600_000;
const lookEveryMs = 100;

class Console {
  farthestBehindMs = 0;
  private newestMs = Date.now();
  private isOpen = true;
  private tableAskedAt = 0;
  private readonly client: Client;
  private readonly look: NodeJS.Timeout;

  private readonly target: Target;
  private readonly texts: Readonly<Record<string, string>>;
  private readonly took: (name: string, ms: number) => void;
  private readonly problem: (what: string) => void;

  constructor(
    target: Target,
    texts: Readonly<Record<string, string>>,
    heard: { readonly took: (name: string, ms: number) => void; readonly problem: (what: string) => void },
  ) {
    this.target = target;
    this.texts = texts;
    this.took = heard.took;
    this.problem = heard.problem;
    this.client = createClient({
      url: `${target.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${target.key}` },
      retryAttempts: 0,
    });
    this.watch('deliveriesChanged', ({ deliveriesChanged }) => this.changed(deliveriesChanged as { changed: Row[]; more: boolean }));
    void this.repeat(overviewEveryMs, () => this.askOverview());
    void this.repeat(balanceEveryMs, () => this.ask('balance', {}));
    void this.askTable();
    this.look = setInterval(() => (this.farthestBehindMs = Math.max(this.farthestBehindMs, Date.now() - this.newestMs)), lookEveryMs);
  }

  /** From now on. */
  forget(): void {
    this.farthestBehindMs = 0;
  }

  async close(): Promise<void> {
    this.isOpen = false;
    clearInterval(this.look);
    await this.client.dispose();
  }

  private watch(name: string, take: (data: Record<string, unknown>) => void): void {
    this.client.subscribe(
      { query: this.texts[name] ?? '', variables: {} },
      {
        next: ({ data, errors }) => (data ? take(data) : this.problem(JSON.stringify(errors))),
        error: (error) => this.isOpen && this.problem(`${name}: ${error instanceof Error ? error.message : JSON.stringify(error)}`),
        complete: () => undefined,
      },
    );
  }

  private changed({ changed, more }: { readonly changed: readonly Row[]; readonly more: boolean }): void {
    this.see(changed);
    if (!more || Date.now() - this.tableAskedAt < tableEveryMs) return;
    void this.askTable();
  }

  private async askTable(): Promise<void> {
    this.tableAskedAt = Date.now();
    const data = await this.ask('deliveries', {});
    this.see((data?.['deliveries'] as { nodes: Row[] } | undefined)?.nodes ?? []);
  }

  private async askOverview(): Promise<void> {
    const until = new Date();
    const window = { since: new Date(until.getTime() - hourMs).toISOString(), until: until.toISOString(), buckets: 60 };
    await Promise.all([this.ask('overview', window), this.ask('attention', {})]);
  }

  private see(rows: readonly Row[]): void {
    for (const { createdAt } of rows) this.newestMs = Math.max(this.newestMs, Date.parse(createdAt));
  }

  private async repeat(everyMs: number, work: () => Promise<unknown>): Promise<void> {
    await delay(Math.random() * Math.min(everyMs, overviewEveryMs));
    for (; this.isOpen; await delay(everyMs, undefined, { ref: false })) await work();
  }

  private async ask(name: string, variables: object): Promise<Record<string, unknown> | undefined> {
    const began = performance.now();
    try {
      const answer = await fetch(`${this.target.url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.target.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query: this.texts[name], variables }),
      });
      const { data, errors } = (await answer.json()) as { data?: Record<string, unknown>; errors?: { message: string }[] };
      this.took(name, performance.now() - began);
      if (errors) this.problem(`${name}: ${errors[0]?.message}`);
      return data;
    } catch (error) {
      if (this.isOpen) this.problem(`${name}: ${String(error)}`);
      return undefined;
    }
  }
}

let consoles: Console[] = [];
let times = new Map<string, number[]>();
const problems = new Set<string>();

const p95 = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.NaN;

const handlers = {
  async open({ count, ...target }: Target & { readonly count: number }): Promise<void> {
    const table = await documentsOf('pages/deliveries/deliveries.query.ts');
    const overview = await documentsOf('pages/overview/overview.query.ts');
    const texts = {
      deliveries: text(table['deliveriesQuery']),
      deliveriesChanged: text(table['deliveriesChanged']),
      overview: text(overview['overviewQuery']),
      attention: text(overview['attentionQuery']),
      balance: text(overview['balanceQuery']),
    };
    const took = (name: string, ms: number) => times.set(name, [...(times.get(name) ?? []), ms]);
    consoles = Array.from({ length: count }, () => new Console(target, texts, { took, problem: (what) => problems.add(what) }));
  },
  /** Forgets what was measured before. */
  reset(): void {
    times = new Map();
    for (const each of consoles) each.forget();
  },
  measured: (): Watching => ({
    p95Ms: Object.fromEntries(Array.from(times, ([name, values]) => [name, p95(values)])),
    answers: [...times.values()].reduce((sum, { length }) => sum + length, 0),
    farthestBehind: Math.max(0, ...consoles.map(({ farthestBehindMs }) => farthestBehindMs)) / 1_000,
    problems: [...problems],
  }),
  async close(): Promise<void> {
    await Promise.all(consoles.map((each) => each.close()));
    consoles = [];
  },
};
export type ConsoleWatchersPart = typeof handlers;
serve(handlers);
