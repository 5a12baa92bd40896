// Slots: where replicas may have so many requests to one endpoint under way together, and no more, each request needs one of the endpoint's slots.
// A replica keeps the slots that it uses, so that no request costs a round trip; it asks for more when it lacks them, for many endpoints in one statement,
// and gives back what it has not used for a second or two, and half of what it has to one that has none. Work follows slots: what is due stays in
// the table for a replica that has some.
// Guarantee: a slot is one replica's until its lease ends, and a request begins only where its timeout ends before that. So replicas never have more
// requests under way than there are slots, and those of one that died are free when their leases end. Limit: a process that stood still while its
// leases ended may have some more for a moment.
import type { BaseLogger } from 'pino';
import type { EndpointId } from '../../domain/ids.ts';
import type { Tables } from '../../read-models/engine/database/database.ts';
import type { DueAttemptsSchema } from './due-attempts.ts';
import { leaseMarginMs } from './leased-due-attempts.ts';
import { SlotsTable, type Slot } from './slots-table.ts';

type HeldSlots = {
  readonly numbers: Set<number>;
  /** When the first of their leases ends, by this process's clock. */
  until: number;
  used: number;
  /** The most that were used at one time since they were looked through. */
  peak: number;
  /** So many are for others as soon as they are not used. */
  yielding: number;
};

/** Keeps what is used, and what is not for others. */
const atOnce = ({ numbers, used, yielding }: HeldSlots) => Math.max(used, numbers.size - yielding);

/** What the dispatcher is to the slots. */
export type SlotsListener = {
  /** There are more, or it is time to ask again. */
  readonly slotsChanged: (id: EndpointId) => void;
  /** Other replicas have all of them. */
  readonly slotsExhausted: (id: EndpointId) => void;
};

export class SharedSlots {
  private readonly table: SlotsTable;
  private readonly heldSlots = new Map<EndpointId, HeldSlots>();
  /** How many requests are wanted at one time. */
  private wanted = new Map<EndpointId, number>();
  private isAsking = false;
  /** Not to be asked for before they are looked through: there were no more. */
  private readonly full = new Set<EndpointId>();
  private user: SlotsListener | undefined;
  /** Statements come one after the other, so that none speaks of what another one changes. */
  private last: Promise<unknown> = Promise.resolve();
  private isLooking = false;
  private readonly looking: NodeJS.Timeout;

  constructor(
    /** Unlike that of every other process. */
    replica: string,
    /** Slots of each endpoint. */
    private readonly bound: number,
    namespace: () => Tables<DueAttemptsSchema>,
    /** How long a request to it may take. */
    private readonly timeoutMs: (id: EndpointId) => number,
    private readonly log: Pick<BaseLogger, 'error'>,
    /** They are looked through so often: what is used is prolonged, what is not is given back, and what was refused is asked for again. */
    private readonly lookEveryMs = 1_000,
  ) {
    this.table = new SlotsTable(replica, bound, namespace);
    this.looking = setInterval(() => void this.look(), lookEveryMs).unref();
  }

  attach(user: SlotsListener): void {
    this.user = user;
  }

  /** Those that this replica has, in use or not. */
  held(id: EndpointId): number {
    return this.heldSlots.get(id)?.numbers.size ?? 0;
  }

  inUse(id: EndpointId): number {
    return this.heldSlots.get(id)?.used ?? 0;
  }

  /** Those that it may have: all, unless it was told that there are no more. */
  obtainable(id: EndpointId): number {
    return this.full.has(id) ? this.held(id) : this.bound;
  }

  /** For one request, until it is `done`. @returns false without a slot */
  take(id: EndpointId): boolean {
    const kept = this.heldSlots.get(id);
    if (!kept || kept.used >= kept.numbers.size - kept.yielding || !this.lasts(id, kept)) return false;
    kept.used++;
    kept.peak = Math.max(kept.peak, kept.used);
    return true;
  }

  release(id: EndpointId): void {
    const kept = this.heldSlots.get(id);
    if (!kept) return;
    kept.used--;
    this.forgetIfEmpty(id, kept);
    if (kept.yielding > 0) void this.returnSlots([[id, kept]], atOnce);
  }

  /** Asks for as many as this replica lacks for `most` requests at one time; its user is told what came of it. */
  request(id: EndpointId, most: number): void {
    if (this.full.has(id) || this.has(id, most)) return;
    this.wanted.set(id, Math.min(most, this.bound));
    if (!this.isAsking) void this.askForAll();
  }

  /** Another replica has given some back. */
  slotsFreed(ids: readonly EndpointId[]): void {
    for (const id of ids) if (this.full.delete(id)) this.user?.slotsChanged(id);
  }

  /** Another replica lacks slots and has none: it gets half of those that this one has, but not the last. */
  yieldHalf(ids: readonly EndpointId[]): void {
    for (const id of ids) {
      const kept = this.heldSlots.get(id);
      if (!kept || kept.numbers.size < 2 || kept.yielding > 0) continue;
      kept.yielding = Math.floor(kept.numbers.size / 2);
      this.full.add(id); // or it would ask for them itself
      void this.returnSlots([[id, kept]], atOnce);
    }
  }

  /** All that are not in use, at once. @param id left out: of all endpoints */
  async returnUnused(id?: EndpointId): Promise<void> {
    const kept = id === undefined ? undefined : this.heldSlots.get(id);
    if (id === undefined) await this.returnSlots([...this.heldSlots], ({ used }) => used);
    else if (kept) await this.returnSlots([[id, kept]], ({ used }) => used);
  }

  stop(): void {
    clearInterval(this.looking);
  }

  private has(id: EndpointId, most: number): boolean {
    const kept = this.heldSlots.get(id);
    return kept !== undefined && kept.numbers.size - kept.yielding >= Math.min(most, this.bound) && this.lasts(id, kept);
  }

  /** Whether a request that begins now ends before the lease does. */
  private lasts(id: EndpointId, { until }: HeldSlots): boolean {
    return until - Date.now() >= this.timeoutMs(id) + leaseMarginMs;
  }

  private leaseFor(id: EndpointId): number {
    return Math.ceil(this.timeoutMs(id) + 2 * leaseMarginMs);
  }

  private forgetIfEmpty(id: EndpointId, { numbers, used }: HeldSlots): void {
    if (numbers.size === 0 && used === 0) this.heldSlots.delete(id);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    this.last = done.catch(() => undefined);
    return done;
  }

  // ── Asking ──

  private async askForAll(): Promise<void> {
    this.isAsking = true;
    await Promise.resolve(); // what else is asked for in this turn goes along
    while (this.wanted.size > 0) {
      const wanted = [...this.wanted];
      this.wanted = new Map();
      const asked = await this.inTurn(() => this.acquire(wanted)).then(
        () => true,
        (error: unknown) => {
          this.log.error({ err: error }, 'No slots can be had; requests wait for them.');
          return false;
        },
      );
      for (const [id, most] of wanted) {
        if (!asked || !this.has(id, most)) this.full.add(id);
        if (asked && this.held(id) === 0) this.user?.slotsExhausted(id);
        else if (asked) this.user?.slotsChanged(id);
      }
      if (asked)
        await this.table.notify(
          'lacking',
          wanted.map(([id]) => id).filter((id) => this.held(id) === 0),
        );
    }
    this.isAsking = false;
  }

  private async acquire(wanted: readonly (readonly [EndpointId, number])[]): Promise<void> {
    await this.renew(wanted.map(([id]) => id).filter((id) => !this.has(id, this.held(id))));
    let lacking = wanted.map(([id, most]) => ({ id, lack: most - this.held(id) })).filter(({ lack }) => lack > 0);
    while (lacking.length > 0) {
      const missed = (await this.takeFree(lacking)).filter(({ taken }) => !taken);
      // Another replica was quicker; others may still be free.
      lacking = Array.from(
        Map.groupBy(missed, ({ id }) => id),
        ([id, { length: lack }]) => ({ id, lack }),
      );
    }
  }

  /** @returns those that were free, and whether they are this replica's now */
  private async takeFree(lacking: readonly { readonly id: EndpointId; readonly lack: number }[]) {
    const asked = Date.now();
    const found = await this.table.takeFree(lacking.map(({ id, lack }) => ({ id, lack, leaseMs: this.leaseFor(id) })));
    for (const { id, number } of found.filter(({ taken }) => taken)) {
      const kept = this.heldSlots.get(id) ?? { numbers: new Set(), until: 0, used: 0, peak: 0, yielding: 0 };
      this.heldSlots.set(id, kept);
      const until = asked + this.leaseFor(id);
      kept.until = kept.numbers.size === 0 ? until : Math.min(kept.until, until);
      kept.numbers.add(number);
      kept.peak = kept.numbers.size; // what was just asked for is about to be used
    }
    return found;
  }

  // ── Looking through ──

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    await this.returnSlots([...this.heldSlots], ({ peak }) => peak);
    for (const kept of this.heldSlots.values()) {
      kept.peak = kept.used;
      kept.yielding = Math.min(kept.yielding, Math.max(0, kept.numbers.size - 1)); // others may be lost
    }
    const soon = Date.now() + leaseMarginMs + 2 * this.lookEveryMs;
    const ending = [...this.heldSlots].filter(([id, { until }]) => until < soon + this.timeoutMs(id)).map(([id]) => id);
    await this.inTurn(() => this.renew(ending)).catch(() => undefined); // it is tried again
    const asked = [...this.full];
    this.full.clear();
    for (const id of asked) this.user?.slotsChanged(id);
    this.isLooking = false;
  }

  /** Those that another replica has taken meanwhile are gone. */
  private async renew(ids: readonly EndpointId[]): Promise<void> {
    const places = ids.flatMap((id) => Array.from(this.heldSlots.get(id)?.numbers ?? [], (number) => ({ id, number })));
    if (places.length === 0) return;
    const asked = Date.now();
    const leases = new Map(ids.map((id) => [id, this.leaseFor(id)]));
    const found = await this.table.renew(places, leases);
    const renewed = new Map(
      Array.from(
        Map.groupBy(found, ({ id }) => id),
        ([id, mine]) => [id, new Set(mine.map(({ number }) => number))],
      ),
    );
    for (const { id, number } of places) if (!renewed.get(id)?.has(number)) this.heldSlots.get(id)?.numbers.delete(number);
    for (const [id, lease] of leases) {
      const kept = this.heldSlots.get(id);
      if (!kept) continue;
      kept.until = asked + lease;
      this.forgetIfEmpty(id, kept);
    }
  }

  /** @param keep how many of an endpoint's are not given back */
  private async returnSlots(all: readonly (readonly [EndpointId, HeldSlots])[], keep: (kept: HeldSlots) => number): Promise<void> {
    const places: Slot[] = [];
    for (const [id, kept] of all) {
      const numbers = [...kept.numbers].slice(keep(kept));
      for (const number of numbers) {
        kept.numbers.delete(number);
        places.push({ id, number });
      }
      kept.yielding = Math.max(0, kept.yielding - numbers.length);
      this.forgetIfEmpty(id, kept);
    }
    if (places.length === 0) return;
    try {
      await this.inTurn(() => this.table.release(places));
      await this.table.notify('free', [...new Set(places.map(({ id }) => id))]);
    } catch {
      // Their leases run out.
    }
  }
}
