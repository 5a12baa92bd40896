// Looks a name up: its addresses, and how long they hold. DNS servers are asked by c-ares, which needs no thread. What DNS does not know is asked of the
// system's resolver, in a few of the threads that file work needs, too: `localhost`, names of /etc/hosts or without a dot, and whatever c-ares does not
// find, such as names that a search domain completes. Each way has a time limit, and names that fail leave room for those that don't.
import { lookup as askSystem, Resolver } from 'node:dns/promises';
import type { RecordWithTtl } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodeOf } from '../../../error-code.ts';
import { outOfFiles } from '../local-trouble.ts';
import { HostsFile } from './hosts-file.ts';
import { LookupLate, LookupPool, type NameState } from './lookup-pool.ts';
import { NameFailure } from './name-failure.ts';

export type ResolvedAddress = { readonly address: string; readonly family: number };

export type NameAnswer = {
  readonly addresses: readonly ResolvedAddress[];
  /** 0: unknown */
  readonly ttlSeconds: number;
};

/** Both of them are played by specs. */
export type NameSources = {
  readonly makeResolver: () => Pick<Resolver, 'resolve4' | 'resolve6'>;
  readonly askSystem: (hostname: string) => Promise<readonly ResolvedAddress[]>;
};

const dnsMs = 4_000;
const systemMs = 4_000;
/** After the addresses of one family, those of the other are waited for so long: some DNS servers never answer for IPv6. */
const otherFamilyMs = 300;
/** A resolver that gets no answer is made again, as the servers' addresses may have changed. */
const remakeEveryMs = 5_000;
/** A name that only the system knows is not asked of DNS again for so long. */
const systemOnlyMs = 60_000;
const maxRemembered = 10_000;

const systemSources: NameSources = {
  makeResolver: () => new Resolver({ timeout: 1_500, tries: 3 }),
  askSystem: (hostname) => askSystem(hostname, { all: true }),
};

export class NameLookup {
  private readonly dns = new LookupPool({ all: 512, unproven: 384, failing: 256 });
  /** libuv has four threads. */
  private readonly system = new LookupPool({ all: 3, unproven: 2, failing: 1 });
  private readonly hosts = new HostsFile();
  /** Names that the system resolved and DNS did not, and until when DNS is not asked. */
  private readonly systemOnly = new Map<string, number>();
  private resolver: Pick<Resolver, 'resolve4' | 'resolve6'>;
  private madeAt = performance.now();

  constructor(private readonly sources: NameSources = systemSources) {
    this.resolver = sources.makeResolver();
  }

  /** @throws NameFailure, or LocalFailure if this process can open no files */
  async lookUp(hostname: string, state: NameState): Promise<NameAnswer> {
    try {
      return await this.find(hostname, state);
    } catch (error) {
      throw outOfFiles() ?? error;
    }
  }

  private async find(hostname: string, state: NameState): Promise<NameAnswer> {
    const name = hostname.replace(/\.$/, '').toLowerCase();
    if (this.isLocal(name)) return this.ask(hostname, 'answering');
    if (!name.includes('.')) return this.ask(hostname, state);
    if ((this.systemOnly.get(name) ?? 0) > performance.now()) return this.ask(hostname, 'answering');
    const answer = await this.dns.run(state, dnsMs, () => this.askDns(hostname)).catch((error: unknown) => failureOf(hostname, error));
    if (!(answer instanceof NameFailure)) return answer;
    if (answer.reason === 'no-answer') this.remake();
    try {
      // Where DNS does not answer, the system will hardly either; where it does, it hardly takes long.
      const likely = this.systemOnly.has(name) ? 'answering' : state;
      const found = await this.ask(hostname, answer.reason === 'no-answer' ? 'failing' : likely);
      if (this.systemOnly.size >= maxRemembered) this.systemOnly.clear();
      this.systemOnly.set(name, performance.now() + systemOnlyMs);
      return found;
    } catch (error) {
      this.systemOnly.delete(name);
      throw answer.reason === 'not-found' ? answer : error;
    }
  }

  /** These never take long. */
  private isLocal(name: string): boolean {
    return name === 'localhost' || name.endsWith('.localhost') || this.hosts.has(name);
  }

  private async ask(hostname: string, state: NameState): Promise<NameAnswer> {
    const answer = await this.system
      .run(state, systemMs, () => this.sources.askSystem(hostname))
      .catch((error: unknown) => failureOf(hostname, error));
    if (answer instanceof NameFailure) throw answer;
    return { addresses: answer, ttlSeconds: 0 };
  }

  private async askDns(hostname: string): Promise<NameAnswer> {
    const found: Found = {};
    const four = settle(this.resolver.resolve4(hostname, { ttl: true })).then((result) => (found.four = result));
    const six = settle(this.resolver.resolve6(hostname, { ttl: true })).then((result) => (found.six = result));
    const both = Promise.all([four, six]);
    if (Array.isArray(await Promise.race([four, six]))) await Promise.race([both, sleep(otherFamilyMs, undefined, { ref: false })]);
    else await both;
    return answerOf(found);
  }

  private remake(): void {
    const now = performance.now();
    if (now - this.madeAt < remakeEveryMs) return;
    this.madeAt = now;
    this.resolver = this.sources.makeResolver();
  }
}

type Result = readonly RecordWithTtl[] | Error;
type Found = { four?: Result; six?: Result };

const settle = (query: Promise<readonly RecordWithTtl[]>): Promise<Result> =>
  query.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));

/** @throws the error of the family that says most: that the name is not there says more than that it has no address of one kind */
const answerOf = ({ four, six }: Found): NameAnswer => {
  const fours = Array.isArray(four) ? four : [];
  const sixes = Array.isArray(six) ? six : [];
  const records = [...fours, ...sixes];
  if (records.length === 0) {
    const errors = [four, six].filter((result) => result instanceof Error);
    throw errors.find((error) => errorCodeOf(error) !== 'ENODATA') ?? errors[0] ?? new Error('No address.');
  }
  const of = (list: readonly RecordWithTtl[], family: number) => list.map(({ address }) => ({ address, family }));
  return {
    addresses: hasIpv6() ? [...of(sixes, 6), ...of(fours, 4)] : [...of(fours, 4), ...of(sixes, 6)],
    ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)),
  };
};

/** As RFC 6724 sorts them: IPv6 first if this machine has a public address of it. */
const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, internal, address }) => family === 'IPv6' && !internal && /^[23]/.test(address)),
  );

const failureOf = (hostname: string, error: unknown): NameFailure => {
  const code = errorCodeOf(error) ?? '';
  if (['ENOTFOUND', 'ENODATA', 'EBADNAME', 'ENONAME'].includes(code)) return new NameFailure(hostname, 'not-found');
  if (error instanceof LookupLate || ['ETIMEOUT', 'ECONNREFUSED', 'EAI_AGAIN'].includes(code))
    return new NameFailure(hostname, 'no-answer');
  return new NameFailure(hostname, code === '' ? String(error) : code);
};
