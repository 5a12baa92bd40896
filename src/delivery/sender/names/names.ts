// The names of receivers and their addresses. An answer is used for as long as its TTL says. A look-up takes no place of a request: a lane waits until the
// name is `ready`, and then its requests find the answer here, be it addresses or the reason why there are none.
import type { NameState } from './lookup-pool.ts';
import { NameLookup, type NameAnswer, type ResolvedAddress } from './name-lookup.ts';

export type LookUp = (hostname: string, state: NameState) => Promise<NameAnswer>;

/** A failure, and an answer without TTL, serve the requests that waited for it. */
const shortestMs = 1_000;
const longestMs = 300_000;
/** An answer in use is refreshed after this part of its time, before anyone has to wait for it. */
const refreshAfter = 0.8;
const maxNames = 10_000;

type Entry = {
  answer: NameAnswer | Error;
  until: number;
  refreshAt: number;
  /** Settles with the look-up that is under way. */
  looking: Promise<void> | undefined;
};

export class Names {
  /** The least recently looked up first. */
  private readonly entries = new Map<string, Entry>();

  constructor(private readonly lookUp: LookUp = lookUpBySystem()) {}

  /** True: `addresses` answers at once. Otherwise it resolves when it does; it never rejects. */
  ready(hostname: string): true | Promise<void> {
    const now = performance.now();
    const entry = this.entries.get(hostname);
    if (entry && now < entry.until) {
      if (now >= entry.refreshAt) void this.look(hostname, entry);
      return true;
    }
    return this.look(hostname, entry);
  }

  /** @throws why there are none */
  async addresses(hostname: string): Promise<readonly ResolvedAddress[]> {
    const ready = this.ready(hostname);
    if (ready !== true) await ready;
    const answer = this.entries.get(hostname)?.answer;
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error(`The name ${hostname} was not looked up.`);
    return answer.addresses;
  }

  /** Each name once at a time. */
  private look(hostname: string, entry: Entry | undefined): Promise<void> {
    if (entry?.looking) return entry.looking;
    const state = entry === undefined ? 'new' : entry.answer instanceof Error ? 'failing' : 'answering';
    const looking = this.lookUp(hostname, state)
      .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
      .then((answer) => this.keep(hostname, answer));
    if (entry) entry.looking = looking;
    else this.entries.set(hostname, { answer: new Error('Being looked up.'), until: 0, refreshAt: Infinity, looking });
    return looking;
  }

  private keep(hostname: string, answer: NameAnswer | Error): void {
    const before = this.entries.get(hostname);
    const now = performance.now();
    // A refresh that fails leaves what still holds.
    if (answer instanceof Error && before && !(before.answer instanceof Error) && now < before.until) {
      before.looking = undefined;
      before.refreshAt = now + shortestMs;
      return;
    }
    const ms = answer instanceof Error ? shortestMs : Math.min(Math.max(answer.ttlSeconds * 1_000, shortestMs), longestMs);
    this.entries.delete(hostname);
    this.entries.set(hostname, { answer, until: now + ms, refreshAt: now + ms * refreshAfter, looking: undefined });
    if (this.entries.size > maxNames)
      for (const [name, { looking }] of this.entries) {
        if (looking) continue;
        this.entries.delete(name);
        break;
      }
  }
}

const lookUpBySystem = (): LookUp => {
  const lookup = new NameLookup();
  return (hostname, state) => lookup.lookUp(hostname, state);
};
