// The request limiter: how many requests this process has in flight over all lanes, and which lane is next when one ends.
// Lanes that found no room wait in line: organizations take turns, and in each the lane that has waited longest is next. So neither a lane with a long
// queue nor an organization with many lanes holds up the others. Some places are kept for organizations that have few requests in flight. Lanes whose
// receivers don't answer get at most half of the places and new ones three quarters: dead endpoints, however many, leave room for those that answer.
import { OrganizationShare } from './organization-share.ts';

/** What a lane knows of its receiver, by the last attempt that said something. */
export type ReceiverState = 'new' | 'answering' | 'silent';

/** A lane that waits for room: `pump` sends what it can. */
export type WaitingLane = { readonly organization: string; readonly receiverState: ReceiverState; readonly pump: () => void };

const states = ['answering', 'new', 'silent'] as const;
const share: Readonly<Record<ReceiverState, number>> = { answering: 1, new: 0.75, silent: 0.5 };
/** Of an organization that has few requests in flight: its first ones find room beside many new endpoints of others. */
const shareOfNewInSmall = 0.875;

/** The lanes of an organization that wait in one state, the longest waiting first, with the numbers of their turns. */
type Line = Map<WaitingLane, number>;

export class RequestLimiter {
  /** By organization; the one whose turn it is comes first. */
  private readonly waiting: Readonly<Record<ReceiverState, Map<string, Line>>> = {
    answering: new Map(),
    new: new Map(),
    silent: new Map(),
  };
  /** Where each lane waits: what it says of itself may have changed since. */
  private readonly places = new Map<WaitingLane, { readonly state: ReceiverState; readonly organization: string }>();
  /** When each organization that waits had its last turn, or came. */
  private readonly lastTurn = new Map<string, number>();
  private turns = 0;
  private readonly count: Record<ReceiverState, number> = { answering: 0, new: 0, silent: 0 };
  private readonly organizations: OrganizationShare;
  private whenIdle: (() => void) | undefined;

  /** When the first request of this turn of the event loop began. */
  private turnBegan: number | undefined;

  constructor(
    private readonly max: number,
    /** How long to begin requests in one turn of the event loop: publishers and queries have their turns in between. */
    private readonly turnMs = Infinity,
    /** Whether there are several organizations. */
    isShared?: () => boolean,
  ) {
    this.organizations = new OrganizationShare(max, isShared);
  }

  get inFlight(): number {
    return this.organizations.count;
  }

  hasRoom(state: ReceiverState, organization: string): boolean {
    if (this.inFlight >= this.organizations.limitFor(organization) || this.isTurnOver) return false;
    const inClass = state === 'answering' ? 0 : state === 'new' ? this.count.new + this.count.silent : this.count.silent;
    const part = state === 'new' && this.organizations.isSmall(organization) ? shareOfNewInSmall : share[state];
    return inClass < Math.ceil(this.max * part);
  }

  /** Resolves once nothing is in flight. */
  async idle(): Promise<void> {
    if (this.inFlight > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }

  begin(state: ReceiverState, organization: string): void {
    this.count[state]++;
    this.organizations.add(organization, 1);
    if (this.turnBegan !== undefined || this.turnMs === Infinity) return;
    this.turnBegan = performance.now();
    setImmediate(() => {
      this.turnBegan = undefined;
      this.fill();
    });
  }

  /** @param begunAs the state and the organization that it began with. The lane goes to the end of its organization's line. */
  end(lane: WaitingLane, begunAs: ReceiverState, organization: string): void {
    this.count[begunAs]--;
    this.organizations.add(organization, -1);
    if (this.inFlight === 0) this.whenIdle?.();
    this.leave(lane);
    this.waitForRoom(lane);
    this.fill();
  }

  private fill(): void {
    for (let next = this.next(); next; next = this.next()) {
      this.leave(next.lane);
      this.moveBehind(next.organization);
      next.lane.pump();
    }
  }

  private get isTurnOver(): boolean {
    return this.turnBegan !== undefined && performance.now() - this.turnBegan >= this.turnMs;
  }

  waitForRoom(lane: WaitingLane): void {
    const { organization, receiverState: state } = lane;
    const place = this.places.get(lane);
    if (place?.state === state && place.organization === organization) return;
    this.leave(lane);
    this.places.set(lane, { state, organization });
    const turn = this.turns++;
    if (!this.lastTurn.has(organization)) this.lastTurn.set(organization, turn);
    const line = this.waiting[state].get(organization);
    if (line) line.set(lane, turn);
    else this.waiting[state].set(organization, new Map([[lane, turn]]));
  }

  private leave(lane: WaitingLane): void {
    const place = this.places.get(lane);
    if (!place) return;
    this.places.delete(lane);
    const lines = this.waiting[place.state];
    const line = lines.get(place.organization);
    if (line?.delete(lane) && line.size === 0) lines.delete(place.organization);
  }

  /** It has had its turn: those of others come first. */
  private moveBehind(organization: string): void {
    let waits = false;
    for (const state of states) {
      const line = this.waiting[state].get(organization);
      if (!line) continue;
      waits = true;
      this.waiting[state].delete(organization);
      this.waiting[state].set(organization, line);
    }
    if (waits) this.lastTurn.set(organization, this.turns++);
    else this.lastTurn.delete(organization);
  }

  /** Of the organization whose turn it is, the lane that has waited longest, of those for which there is room. */
  private next(): { readonly lane: WaitingLane; readonly organization: string } | undefined {
    const organization = this.nextOrganization();
    if (organization === undefined) return undefined;
    let longest: { readonly lane: WaitingLane; readonly organization: string; readonly turn: number } | undefined;
    for (const state of states) {
      const [[lane, turn] = []] = this.waiting[state].get(organization) ?? [];
      if (lane && turn !== undefined && (!longest || turn < longest.turn) && this.hasRoom(state, organization))
        longest = { lane, organization, turn };
    }
    return longest;
  }

  /** Passes over organizations without room: those have many requests in flight, so they are few. */
  private nextOrganization(): string | undefined {
    let next: { readonly organization: string; readonly turn: number } | undefined;
    for (const state of states)
      for (const organization of this.waiting[state].keys()) {
        if (!this.mayHaveRoom(state)) break;
        if (!this.hasRoom(state, organization)) continue;
        const turn = this.lastTurn.get(organization) ?? 0;
        if (!next || turn < next.turn) next = { organization, turn };
        break;
      }
    return next?.organization;
  }

  /** Whether any organization has room. */
  private mayHaveRoom(state: ReceiverState): boolean {
    if (this.inFlight >= this.max || this.isTurnOver) return false;
    if (state === 'silent') return this.count.silent < Math.ceil(this.max * share.silent);
    return state === 'answering' || this.count.new + this.count.silent < Math.ceil(this.max * shareOfNewInSmall);
  }
}
