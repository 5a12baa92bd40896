// Many organizations in the trial of replicas: each is made at one replica and used at another at once, and messages for all of them are published
// while replicas are killed. What is one's must arrive at its own receiver, once it is acknowledged, and nothing else.
import { Client, eventually } from '../support/client.ts';
import type { Conservation, Server } from '../support/server.ts';
import { pause } from './traffic.ts';
import type { Receiver } from './receiver.ts';

export type TenantsReport = {
  readonly organizations: number;
  /** From the answer of createOrganization until the first message arrived, by the replica that took the message. */
  readonly firstMessagesMs: readonly number[];
  readonly acknowledged: number;
};

type Tenant = { readonly id: string; readonly path: string; readonly acknowledged: Set<string> };
type Parts = {
  readonly servers: readonly Server[];
  readonly alive: ReadonlySet<Server>;
  readonly adminKey: string;
  readonly receiver: Receiver;
  readonly secret: string;
  readonly random: () => number;
  readonly violations: string[];
};
type Waiting = { readonly id: string; readonly tenant: Tenant };

const pathOf = (n: number) => `/tenant/${n}`;
export const tenantPaths = (count: number): string[] => Array.from({ length: count }, (_, n) => pathOf(n));
const atOnce = 5;

export class Tenants {
  private readonly tenants: Tenant[] = [];
  private readonly slowest = new Map<Server, number>();
  /** Published with an unknown outcome, or refused for now. */
  private readonly waiting: Waiting[] = [];
  private readonly stopping = new AbortController();
  private publishing: Promise<void> = Promise.resolve();
  private serial = 0;

  constructor(private readonly parts: Parts) {}

  /** @param withinMs for the first message of each */
  async make(count: number, withinMs: number): Promise<void> {
    for (let n = 0; n < count; n += atOnce)
      await Promise.all(Array.from({ length: Math.min(atOnce, count - n) }, (_, i) => this.makeOne(n + i, withinMs)));
  }

  private async makeOne(n: number, withinMs: number): Promise<void> {
    const { servers, adminKey, receiver, secret, violations } = this.parts;
    const [first, second, third] = [0, 1, 2].map((i) => servers[(n + i) % servers.length]) as [Server, Server, Server];
    const tenant: Tenant = { id: `tenant-${n}`, path: pathOf(n), acknowledged: new Set() };
    const at = (server: Server) => new Client(server, adminKey, tenant.id);
    // 1. Made at one replica, and used at another at once: its endpoint, its first message, its own key, its portal.
    const create = 'mutation ($i: OrganizationInput!) { createOrganization(input: $i) { id } }';
    await new Client(first, adminKey).query(create, { i: { id: tenant.id, name: `Tenant ${n}` } });
    const made = performance.now();
    await at(second).createEndpoint({ url: `${receiver.url}${tenant.path}`, eventTypes: ['*'], secret });
    const response = await at(second).post('/v1/messages', { type: 'tenant.made', data: { key: tenant.id } });
    if (response.status !== 202) return void violations.push(`The first message of ${tenant.id} was answered with ${response.status}.`);
    const { messages } = (await response.json()) as { messages: { id: string }[] };
    const id = messages[0]?.id ?? '';
    await eventually(() => receiver.deliveries.has(`${tenant.path} ${id}`), Boolean);
    const tookMs = Math.round(performance.now() - made);
    this.slowest.set(second, Math.max(this.slowest.get(second) ?? 0, tookMs));
    if (tookMs > withinMs) violations.push(`The first message of ${tenant.id} arrived ${tookMs} ms after it was made.`);
    tenant.acknowledged.add(id);
    // 2. A key that one issues is taken by the others.
    const issued = await at(third).query<{ key: string }>('mutation { issueApiKey(name: "own", role: ADMIN) { key } }');
    const own = await new Client(first, issued.key).ask('{ me { organization { id } } }');
    if (!JSON.stringify(own).includes(tenant.id)) violations.push(`A key of ${tenant.id} was answered with ${JSON.stringify(own)}.`);
    await this.openPortals(tenant, [first, second, third]);
    this.tenants.push(tenant);
  }

  /** A session that one opens is taken by the others, and ends at all of them. */
  private async openPortals({ id }: Tenant, [first, second, third]: readonly [Server, Server, Server]): Promise<void> {
    const { adminKey, violations } = this.parts;
    const open = 'mutation { createPortalSession(input: { subject: "anna" }) { token } }';
    const session = (server: Server) => new Client(server, adminKey, id).query<{ token: string }>(open);
    const isIn = async (server: Server, token: string) => (await new Client(server, token).ask('{ me { kind } }')).errors === undefined;
    const all = [second, third, first];
    const { token } = await session(first);
    for (const server of all)
      if (!(await isIn(server, token))) violations.push(`A portal session of ${id} is not taken by another replica.`);
    await new Client(second, adminKey, id).query('mutation { endPortalSessions }');
    await eventually(
      async () => (await Promise.all(all.map((server) => isIn(server, token)))).every((each) => !each),
      (isEnded) => isEnded,
    );
    const later = await session(third);
    for (const server of all)
      if (!(await isIn(server, later.token)))
        violations.push(`A portal session of ${id} that was opened after the others' end is refused.`);
  }

  start(): void {
    this.publishing = this.publishRepeatedly();
  }

  /** Ends once every message has a known outcome. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.publishing;
    const giveUp = Date.now() + 30_000;
    while (this.waiting.length > 0 && Date.now() < giveUp) {
      await this.publish(this.waiting.splice(0));
      await pause(50);
    }
    if (this.waiting.length > 0)
      this.parts.violations.push(`${this.waiting.length} messages of tenants could not be published within 30 s.`);
  }

  private async publishRepeatedly(): Promise<void> {
    const { random } = this.parts;
    while (!this.stopping.signal.aborted) {
      await this.publish([...this.waiting.splice(0), ...this.tenants.map((tenant) => ({ id: `m-${++this.serial}`, tenant }))]);
      await pause(200 + random() * 200);
    }
  }

  /** One request for all of them, at one of the replicas. */
  private async publish(batch: readonly Waiting[]): Promise<void> {
    const { alive, adminKey, random, violations } = this.parts;
    const servers = [...alive];
    const server = servers[Math.floor(random() * servers.length)];
    const messages = batch.map(({ id, tenant }) => ({ id, type: 'tenant.paid', organization: tenant.id, data: { key: id } }));
    try {
      if (!server) throw new Error('No replica is left.');
      const response = await new Client(server, adminKey).post('/v1/messages', messages);
      if (response.status === 503 || response.status === 429) throw new Error('later');
      if (response.status !== 202)
        return void violations.push(`Messages of tenants were answered with ${response.status}: ${await response.text()}`);
      const answer = (await response.json()) as { messages: { id: string; destinations: number }[] };
      for (const [i, { id, destinations }] of answer.messages.entries()) {
        batch[i]?.tenant.acknowledged.add(id);
        if (destinations !== 1) violations.push(`A message of ${batch[i]?.tenant.id} went to ${destinations} endpoints.`);
      }
    } catch {
      this.waiting.push(...batch);
    }
  }

  /** Waits until nothing of theirs is open. @returns their sums, and what another organization has, at its position */
  async settle(server: Server, seconds: number, other: Conservation): Promise<Conservation> {
    const query = '{ conservation { position routed succeeded failed cancelled open balanced } }';
    const read = (tenant: Tenant) => new Client(server, this.parts.adminKey, tenant.id).query<Conservation>(query);
    for (const giveUp = Date.now() + seconds * 1_000; ; await pause(100)) {
      const all = await Promise.all(this.tenants.map(read));
      const sum = (name: 'routed' | 'succeeded' | 'failed' | 'cancelled' | 'open') => all.reduce((total, each) => total + each[name], 0);
      const balanced = all.every((each) => each.balanced);
      const acknowledged = this.tenants.reduce((total, each) => total + each.acknowledged.size, 0);
      if ((sum('open') > 0 || sum('routed') < acknowledged || !balanced) && Date.now() < giveUp) continue;
      return {
        position: other.position,
        routed: other.routed + sum('routed'),
        succeeded: other.succeeded + sum('succeeded'),
        failed: other.failed + sum('failed'),
        cancelled: other.cancelled + sum('cancelled'),
        open: other.open + sum('open'),
        balanced: other.balanced && balanced,
      };
    }
  }

  /** What was acknowledged arrived at its own receiver, and nothing of another there. */
  check(): TenantsReport {
    const { receiver, violations } = this.parts;
    const missing = this.tenants.flatMap(({ path, acknowledged }) =>
      Array.from(acknowledged).filter((id) => !receiver.deliveries.get(`${path} ${id}`)?.some(({ status }) => status === 200)),
    );
    if (missing.length > 0) violations.push(`${missing.length} messages of tenants never arrived: ${missing.slice(0, 10).join(', ')}`);
    const own = new Map(this.tenants.map(({ path, acknowledged }) => [path, acknowledged]));
    for (const key of receiver.deliveries.keys()) {
      const [path = '', id = ''] = key.split(' ');
      if (path.startsWith('/tenant/') && !own.get(path)?.has(id))
        violations.push(`${id} arrived at ${path}, and is not of that organization.`);
    }
    return {
      organizations: this.tenants.length,
      firstMessagesMs: Array.from(this.slowest.values()),
      acknowledged: this.tenants.reduce((total, each) => total + each.acknowledged.size, 0),
    };
  }
}
