// The delivery backlog: attempts of messages accepted a moment ago that are in memory and not sent yet, by who published them. Intake admits no more
// while it is long. Only lanes that keep up count: what waits for a slow, held or silent receiver slows nobody's publishing.
import { partsOfPublisher, severalOrganizations } from './caller.ts';

/** What the backlog looks at of a lane. */
type Lane = {
  /** Its receiver takes as much as this process can send. */
  readonly keepsUp: boolean;
};

const measureEveryMs = 250;

export class DeliveryBacklog {
  private readonly lanes = new Set<LaneBacklog>();
  /** By organization, then by publisher. */
  private readonly byOrganization = new Map<string, Map<string, number>>();
  private readonly byKey = new Map<string, number>();
  private count = 0;
  private sent = 0;
  private measuredAt = performance.now();
  private rate = 0;
  /** Called when it has become shorter. */
  onShorter: () => void = () => undefined;

  get length(): number {
    return this.count;
  }

  /** Of a key that publishes for several organizations at once, what it has in all of them. */
  lengthOf(publisher: string): number {
    const [organization, key] = partsOfPublisher(publisher);
    if (publisher.startsWith(`${severalOrganizations}/`)) return this.byKey.get(key) ?? 0;
    return this.byOrganization.get(organization)?.get(publisher) ?? 0;
  }

  /** Into how many shares the backlog is divided for a publisher: organizations have equal ones, and in each its publishers. */
  sharesWith(publisher: string): number {
    const [organization, key] = partsOfPublisher(publisher);
    if (publisher.startsWith(`${severalOrganizations}/`)) return this.byKey.size + (this.byKey.has(key) ? 0 : 1);
    const own = this.byOrganization.get(organization);
    const organizations = this.byOrganization.size + (own ? 0 : 1);
    return organizations * ((own?.size ?? 0) + (own?.has(publisher) ? 0 : 1));
  }

  /** Attempts of the backlog that are sent in a second. */
  get perSecond(): number {
    const now = performance.now();
    const elapsed = now - this.measuredAt;
    if (elapsed >= measureEveryMs) {
      this.rate = (this.sent / elapsed) * 1_000;
      this.sent = 0;
      this.measuredAt = now;
    }
    return this.rate;
  }

  of(lane: Lane): LaneBacklog {
    return new LaneBacklog(lane, {
      count: (publisher, change) => this.change(publisher, change),
      sent: () => this.sent++,
      waits: (own, doesWait) => (doesWait ? this.lanes.add(own) : this.lanes.delete(own)),
    });
  }

  /** Looks again which lanes keep up. */
  review(): void {
    for (const lane of this.lanes) lane.review();
  }

  private change(publisher: string, change: number): void {
    this.count += change;
    const [organization, key] = partsOfPublisher(publisher);
    const own = this.byOrganization.get(organization) ?? new Map<string, number>();
    addTo(own, publisher, change);
    if (own.size === 0) this.byOrganization.delete(organization);
    else this.byOrganization.set(organization, own);
    addTo(this.byKey, key, change);
    if (change < 0) this.onShorter();
  }
}

type Totals = {
  readonly count: (publisher: string, change: number) => void;
  readonly sent: () => void;
  readonly waits: (lane: LaneBacklog, doesWait: boolean) => void;
};

/** The part of one lane. */
export class LaneBacklog {
  private readonly publishers = new Map<string, string>();
  private readonly lengths = new Map<string, number>();
  /** Whether what waits here is in the totals. */
  private counts = true;

  constructor(
    private readonly lane: Lane,
    private readonly totals: Totals,
  ) {}

  add(id: string, publisher: string): void {
    if (this.publishers.has(id)) return;
    this.review();
    if (this.publishers.size === 0) this.totals.waits(this, true);
    this.publishers.set(id, publisher);
    addTo(this.lengths, publisher, 1);
    if (this.counts) this.totals.count(publisher, 1);
  }

  /** It is sent, or waits no longer in memory. */
  remove(id: string): void {
    const publisher = this.publishers.get(id);
    if (publisher === undefined) return;
    this.publishers.delete(id);
    addTo(this.lengths, publisher, -1);
    if (this.publishers.size === 0) this.totals.waits(this, false);
    if (this.counts) {
      this.totals.sent();
      this.totals.count(publisher, -1);
    }
  }

  review(): void {
    if (this.counts === this.lane.keepsUp) return;
    this.counts = !this.counts;
    for (const [publisher, length] of this.lengths) this.totals.count(publisher, this.counts ? length : -length);
  }
}

/** Without an entry for 0. */
export const addTo = (counts: Map<string, number>, key: string, change: number): void => {
  const sum = (counts.get(key) ?? 0) + change;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
};
