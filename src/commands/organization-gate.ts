// The gate in front of each organization: whether it may publish, and how much of what it is limited to. Its own limits come before the installation's.
// Guarantee: a publish costs look-ups in memory and no wait. Limit: rates are counted by each process for itself, and how many deliveries wait is
// known as of a second ago.
import { conflict } from '../domain/errors.ts';
import type { OrganizationId } from '../domain/ids.ts';
import type { JsonObject } from '../domain/json.ts';
import type { OrganizationLimits } from '../domain/organization-events.ts';
import type { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { PublishRefused } from './publish-refused.ts';

type Directory = Pick<EndpointDirectory, 'requireActive' | 'organizations'>;
/** Messages that may still be taken. Below 0 after a large request: the next ones wait for it. */
type Bucket = { tokens: number; at: number };
/** The organizations in which at least so many deliveries have not ended. */
export type ReadWaiting = (least: number) => Promise<readonly { readonly id: OrganizationId; readonly waiting: number }[]>;

const readWaitingEveryMs = 1_000;
const waitingRetrySeconds = 5;

export class OrganizationGate {
  private readonly messages = new Map<OrganizationId, Bucket>();
  private readonly portalSessions = new Map<OrganizationId, Bucket>();
  private waiting: ReadonlyMap<OrganizationId, number> = new Map();
  /** Called with how many messages of an organization were refused. */
  onRefused: (id: OrganizationId, messages: number) => void = () => undefined;

  constructor(
    private readonly directory: Directory,
    /** The installation's. */
    private readonly defaults: OrganizationLimits = {},
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes the messages into account, or refuses them all. @throws PublishRefused, DomainError, ConfigurationUnavailable */
  admit(id: OrganizationId, messages: number): void {
    try {
      this.check(id);
    } catch (error) {
      this.refused(id, messages);
      throw error;
    }
    this.take(id, messages);
  }

  /** Counts refused messages. Nobody has what is refused because there is no such organization. */
  refused(id: OrganizationId, messages: number): void {
    if (this.directory.organizations.limitsOf(id)) this.onRefused(id, messages);
  }

  /** @throws as `admit`; takes nothing into account */
  check(id: OrganizationId): void {
    this.directory.requireActive(id);
    const mostWaiting = this.limit(id, 'waitingDeliveries');
    if (mostWaiting !== undefined && (this.waiting.get(id) ?? 0) >= mostWaiting)
      throw new PublishRefused(
        'UNAVAILABLE',
        `${mostWaiting} deliveries of the organization have not ended, and it may have no more; publish again once some have.`,
        waitingRetrySeconds,
      );
    const perSecond = this.limit(id, 'messagesPerSecond');
    if (perSecond === undefined) return;
    const { tokens } = this.bucket(this.messages, id, perSecond, perSecond);
    if (tokens < 1)
      throw new PublishRefused(
        'TOO_MANY_REQUESTS',
        `The organization may publish ${perSecond} messages a second; slow down.`,
        Math.max(1, Math.ceil((1 - tokens) / perSecond)),
      );
  }

  take(id: OrganizationId, messages: number): void {
    const perSecond = this.limit(id, 'messagesPerSecond');
    if (perSecond !== undefined) this.bucket(this.messages, id, perSecond, perSecond).tokens -= messages;
  }

  /** @throws PublishRefused. Costs nothing where the organization has no such limit. */
  checkSize(id: OrganizationId, data: JsonObject): void {
    const most = this.limit(id, 'payloadBytes');
    if (most === undefined) return;
    const size = Buffer.byteLength(JSON.stringify(data));
    if (size > most)
      throw new PublishRefused('PAYLOAD_TOO_LARGE', `data has ${size} bytes as JSON; messages of the organization may have ${most}.`);
  }

  hasSizeLimit(id: OrganizationId): boolean {
    return this.limit(id, 'payloadBytes') !== undefined;
  }

  /** @throws DomainError CONFLICT if it may have no more endpoints */
  checkEndpoints(id: OrganizationId): void {
    const most = this.limit(id, 'endpoints');
    if (most === undefined || this.directory.organizations.endpointCount(id) < most) return;
    throw conflict(
      `The organization has ${this.directory.organizations.endpointCount(id)} endpoints, and may have ${most}; delete one, or have the limit raised.`,
    );
  }

  /** Counts one. @throws PublishRefused if the organization opened as many within an hour as it may */
  admitPortalSession(id: OrganizationId): void {
    const perHour = this.limit(id, 'portalSessionsPerHour');
    if (perHour === undefined) return;
    const perSecond = perHour / 3_600;
    const bucket = this.bucket(this.portalSessions, id, perSecond, perHour);
    if (perHour === 0 || bucket.tokens < 1)
      throw new PublishRefused(
        'TOO_MANY_REQUESTS',
        `The organization may open ${perHour} portal sessions in an hour; use those that are open.`,
        perHour === 0 ? undefined : Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond)),
      );
    bucket.tokens -= 1;
  }

  /** Undefined: unlimited. */
  private limit(id: OrganizationId, name: keyof OrganizationLimits): number | undefined {
    return this.directory.organizations.limitsOf(id)?.[name] ?? this.defaults[name] ?? undefined;
  }

  /** Keeps up with how many deliveries wait. While they can't be read, the last answer stands. */
  watchWaiting(read: ReadWaiting): Disposable {
    let isReading = false;
    const look = async () => {
      const least = this.leastWaitingLimit();
      if (isReading || least === undefined) return;
      isReading = true;
      try {
        this.waiting = new Map((await read(least)).map(({ id, waiting }) => [id, waiting]));
      } catch {
        // The views are away or being built, which readiness reports.
      } finally {
        isReading = false;
      }
    };
    const timer = setInterval(() => void look(), readWaitingEveryMs).unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  private leastWaitingLimit(): number | undefined {
    const own = this.directory.organizations.leastLimit('waitingDeliveries');
    const general = this.defaults.waitingDeliveries ?? undefined;
    return own === undefined || general === undefined ? (own ?? general) : Math.min(own, general);
  }

  private bucket(buckets: Map<OrganizationId, Bucket>, id: OrganizationId, perSecond: number, full: number): Bucket {
    const now = this.now();
    const most = Math.max(1, full);
    const found = buckets.get(id);
    if (!found) {
      const fresh = { tokens: most, at: now };
      buckets.set(id, fresh);
      return fresh;
    }
    found.tokens = Math.min(most, found.tokens + ((now - found.at) / 1_000) * perSecond);
    found.at = now;
    return found;
  }
}
