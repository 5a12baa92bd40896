// The addresses of a host that Hookledger may connect to: resolves the name and asks the guard about each address.
import { lookup as dnsLookup } from 'node:dns/promises';
import type { AddressGuard } from './address-guard.ts';
import { BlockedAddress } from './failure.ts';

type ResolvedAddress = { readonly address: string; readonly family: number };

export type AddressOptions = {
  readonly guard: AddressGuard;
  /** All addresses of a name. The default is the operating system's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
};

export class AllowedAddresses {
  private readonly resolving = new Map<string, Promise<readonly ResolvedAddress[]>>();

  constructor(private readonly options: AddressOptions) {}

  /** @throws BlockedAddress if the guard allows none of them */
  async of(hostname: string): Promise<ResolvedAddress[]> {
    const addresses = await this.resolve(hostname);
    const reasons = addresses.map(({ address }) => this.options.guard.check(address));
    const allowed = addresses.filter((_, index) => reasons[index] === undefined);
    const [why = 'It has no address.'] = reasons;
    if (allowed.length === 0) throw new BlockedAddress(`${why.replace(/\.$/, '')} (the name ${hostname} resolves to it).`);
    return allowed;
  }

  /** The error for a literal address that may not be called; undefined: it may. */
  blocked(address: string): BlockedAddress | undefined {
    const reason = this.options.guard.check(address);
    return reason === undefined ? undefined : new BlockedAddress(reason);
  }

  /** Looks a name up once at a time: a name whose DNS server hangs takes one of the few look-up threads, not all. */
  private resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    let resolving = this.resolving.get(hostname);
    if (!resolving) {
      const resolve = this.options.resolve ?? ((name: string) => dnsLookup(name, { all: true }));
      resolving = resolve(hostname).finally(() => this.resolving.delete(hostname));
      this.resolving.set(hostname, resolving);
    }
    return resolving;
  }
}
