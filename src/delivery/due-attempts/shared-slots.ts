// Slots: where replicas share a limit of requests to one endpoint, each request needs one of the endpoint's slots.
// A replica holds the slots that it uses, so that a request costs no round trip. It requests more when it lacks them, for many endpoints in one
// statement; it returns what it has not used for a second or two, and half of what it has to a replica that has none. Due attempts stay in the table
// for a replica that has slots.
// Guarantee: a slot is one replica's until its lease ends, and a request begins only if its timeout ends before that. So replicas together never have
// more requests in flight than there are slots, and the slots of a replica that died are free when their leases end. Limit: a process that was
// suspended while its leases ended may have more in flight for a moment.
import type { BaseLogger } from 'pino';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import { steadyNow } from '../../steady-clock.ts';
import type { DueAttemptsSchema } from './due-attempts-table.ts';
import { HeldSlots } from './held-slots.ts';
import { leaseMarginMs } from './leases.ts';
import type { SharedClock } from './shared-clock.ts';
import { SlotsTable, type Slot } from './slots-table.ts';

/** What the slots tell the dispatcher. */
export type SlotsListener = {
  /** This replica has more slots of the endpoint, or may request some again. */
  readonly slotsChanged: (id: EndpointId) => void;
  /** Other replicas have all slots of the endpoint. */
  readonly slotsExhausted: (id: EndpointId) => void;
};

export class SharedSlots {
  private readonly table: SlotsTable;
  private readonly heldSlots = new Map<EndpointId, HeldSlots>();
  /** For the next request to the table: how many each endpoint needs in all. */
  private needed = new Map<EndpointId, number>();
  private isRequesting = false;
  /** No slot was free. They are not requested again before the next review. */
  private readonly exhausted = new Set<EndpointId>();
  private listener: SlotsListener | undefined;
  /** Statements run one after the other, so that none concerns slots that another one changes. */
  private lastStatement: Promise<unknown> = Promise.resolve();
  private isReviewing = false;
  private readonly reviewing: NodeJS.Timeout;

  constructor(
    /** Different for each process. */
    replica: string,
    /** Slots of the endpoint; undefined: its requests need none. */
    private readonly limit: (id: EndpointId) => number | undefined,
    tables: () => Tables<DueAttemptsSchema>,
    /** How long a request to the endpoint may take. */
    private readonly timeoutMs: (id: EndpointId) => number,
    private readonly log: Pick<BaseLogger, 'error'>,
    clock: SharedClock,
    /** At each review, slots in use are renewed, unused ones are returned, and refused ones are requested again. */
    private readonly reviewEveryMs = 1_000,
  ) {
    this.table = new SlotsTable(replica, tables, clock);
    this.reviewing = setInterval(() => void this.review(), reviewEveryMs).unref();
  }

  attach(listener: SlotsListener): void {
    this.listener = listener;
  }

  stop(): void {
    clearInterval(this.reviewing);
  }

  // ── For the lanes ──

  /** Whether requests to the endpoint need slots. */
  isLimited(id: EndpointId): boolean {
    return this.limit(id) !== undefined;
  }

  /** How many this replica holds, in use or not. */
  held(id: EndpointId): number {
    return this.heldSlots.get(id)?.size ?? 0;
  }

  inUse(id: EndpointId): number {
    return this.heldSlots.get(id)?.inUse ?? 0;
  }

  /** How many it could have at most: all, or only those it holds if no others were free. */
  obtainable(id: EndpointId): number {
    return this.exhausted.has(id) ? this.held(id) : this.mostOf(id);
  }

  /** For one request, until `release`. @returns whether there was one */
  take(id: EndpointId): boolean {
    const slots = this.heldSlots.get(id);
    return slots !== undefined && this.coversRequest(id, slots) && slots.take();
  }

  release(id: EndpointId): void {
    const slots = this.heldSlots.get(id);
    if (!slots) return;
    slots.release();
    this.forgetIfEmpty(id, slots);
    if (slots.hasPromised) void this.returnSlots(slotsOf(id, slots.removePromised()));
  }

  /** Requests what this replica lacks to make `count` requests at a time. The listener is told the result. */
  request(id: EndpointId, count: number): void {
    if (this.exhausted.has(id) || this.hasUsable(id, count)) return;
    this.needed.set(id, Math.min(count, this.mostOf(id)));
    if (!this.isRequesting) void this.requestNeeded();
  }

  /** @param id undefined: of all endpoints */
  async returnUnused(id?: EndpointId): Promise<void> {
    const ids = id === undefined ? [...this.heldSlots.keys()] : [id];
    await this.returnSlots(ids.flatMap((each) => slotsOf(each, this.heldSlots.get(each)?.removeUnused())));
  }

  // ── From other replicas ──

  /** Another replica has returned some. */
  slotsFreed(ids: readonly EndpointId[]): void {
    for (const id of ids) if (this.exhausted.delete(id)) this.listener?.slotsChanged(id);
  }

  /** Another replica needs slots and has none: it gets half of those held here, but not the last. */
  yieldHalf(ids: readonly EndpointId[]): void {
    for (const id of ids) {
      const slots = this.heldSlots.get(id);
      if (!slots?.promiseHalf()) continue;
      this.exhausted.add(id); // otherwise this replica would request them itself
      void this.returnSlots(slotsOf(id, slots.removePromised()));
    }
  }

  private mostOf(id: EndpointId): number {
    return this.limit(id) ?? Infinity;
  }

  private hasUsable(id: EndpointId, count: number): boolean {
    const slots = this.heldSlots.get(id);
    return slots !== undefined && slots.usable >= Math.min(count, this.mostOf(id)) && this.coversRequest(id, slots);
  }

  /** Whether a request that begins now times out before the lease ends. */
  private coversRequest(id: EndpointId, { until }: HeldSlots): boolean {
    return until - steadyNow() >= this.timeoutMs(id) + leaseMarginMs;
  }

  private leaseMs(id: EndpointId): number {
    return Math.ceil(this.timeoutMs(id) + 2 * leaseMarginMs);
  }

  private forgetIfEmpty(id: EndpointId, slots: HeldSlots): void {
    if (slots.isEmpty) this.heldSlots.delete(id);
  }

  private oneByOne<T>(statement: () => Promise<T>): Promise<T> {
    const result = this.lastStatement.then(statement);
    this.lastStatement = result.catch(() => undefined);
    return result;
  }

  // ── Requests to the table ──

  private async requestNeeded(): Promise<void> {
    this.isRequesting = true;
    await Promise.resolve(); // what else is requested in this turn goes into the same statement
    while (this.needed.size > 0) {
      const needed = [...this.needed];
      this.needed = new Map();
      try {
        await this.oneByOne(() => this.acquire(needed));
      } catch (error) {
        this.log.error({ err: error }, 'No slots could be taken; requests to the endpoints wait for them.');
        for (const [id] of needed) this.exhausted.add(id);
        continue;
      }
      for (const [id, count] of needed) {
        if (!this.hasUsable(id, count)) this.exhausted.add(id);
        if (this.held(id) === 0) this.listener?.slotsExhausted(id);
        else this.listener?.slotsChanged(id);
      }
      const lacking = needed.map(([id]) => id).filter((id) => this.held(id) === 0);
      await this.table.notify('lacking', lacking);
    }
    this.isRequesting = false;
  }

  private async acquire(needed: readonly (readonly [EndpointId, number])[]): Promise<void> {
    await this.renew(needed.map(([id]) => id).filter((id) => !this.hasUsable(id, this.held(id))));
    let missing = needed.map(([id, count]) => ({ id, count: count - this.held(id) })).filter(({ count }) => count > 0);
    while (missing.length > 0) {
      const missed = (await this.takeFree(missing)).filter(({ taken }) => !taken);
      // Another replica took those first. Others may still be free.
      missing = Array.from(
        Map.groupBy(missed, ({ id }) => id),
        ([id, { length: count }]) => ({ id, count }),
      );
    }
  }

  /** @returns those that were free, and whether this replica got them */
  private async takeFree(missing: readonly { readonly id: EndpointId; readonly count: number }[]) {
    const askedAt = steadyNow();
    const found = await this.table.takeFree(
      missing.map(({ id, count }) => ({ id, count, limit: this.limit(id) ?? 0, leaseMs: this.leaseMs(id) })),
    );
    for (const { id, number } of found.filter(({ taken }) => taken)) {
      const slots = this.heldSlots.get(id) ?? new HeldSlots();
      this.heldSlots.set(id, slots);
      slots.add(number, askedAt + this.leaseMs(id));
    }
    return found;
  }

  // ── Reviews ──

  private async review(): Promise<void> {
    if (this.isReviewing) return;
    this.isReviewing = true;
    const tooMany = (id: EndpointId, slots: HeldSlots) => slots.removeBeyondNumber(this.limit(id) ?? 0);
    const returned = [...this.heldSlots].flatMap(([id, slots]) => slotsOf(id, [...tooMany(id, slots), ...slots.beginPeriod()]));
    await this.returnSlots(returned);
    const soon = steadyNow() + leaseMarginMs + 2 * this.reviewEveryMs;
    const expiring = [...this.heldSlots].filter(([id, { until }]) => until < soon + this.timeoutMs(id)).map(([id]) => id);
    await this.oneByOne(() => this.renew(expiring)).catch(() => undefined); // the next review tries again
    const retried = [...this.exhausted];
    this.exhausted.clear();
    for (const id of retried) this.listener?.slotsChanged(id);
    this.isReviewing = false;
  }

  private async renew(ids: readonly EndpointId[]): Promise<void> {
    const slots = ids.flatMap((id) => slotsOf(id, this.heldSlots.get(id)?.all()));
    if (slots.length === 0) return;
    const askedAt = steadyNow();
    const leases = new Map(ids.map((id) => [id, this.leaseMs(id)]));
    const renewed = new Set((await this.table.renew(slots, leases)).map(keyOf));
    for (const slot of slots) if (!renewed.has(keyOf(slot))) this.heldSlots.get(slot.id)?.lose(slot.number);
    for (const [id, leaseMs] of leases) {
      const held = this.heldSlots.get(id);
      if (!held) continue;
      held.renewed(askedAt + leaseMs);
      this.forgetIfEmpty(id, held);
    }
  }

  private async returnSlots(slots: readonly Slot[]): Promise<void> {
    const ids = [...new Set(slots.map(({ id }) => id))];
    for (const id of ids) {
      const held = this.heldSlots.get(id);
      if (held) this.forgetIfEmpty(id, held);
    }
    if (slots.length === 0) return;
    try {
      await this.oneByOne(() => this.table.release(slots));
      await this.table.notify('free', ids);
    } catch {
      // Their leases run out.
    }
  }
}

const slotsOf = (id: EndpointId, numbers: readonly number[] = []): readonly Slot[] => numbers.map((number) => ({ id, number }));

const keyOf = ({ id, number }: Slot): string => `${id}/${number}`;
