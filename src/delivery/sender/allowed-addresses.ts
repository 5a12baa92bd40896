// The addresses of a host that Hookledger may connect to: resolves the name and asks the guard about each address.
import type { AddressGuard } from './address-guard.ts';
import { BlockedAddress } from './failure.ts';
import type { ResolvedAddress } from './names/name-lookup.ts';
import { Names } from './names/names.ts';

export type AddressOptions = {
  readonly guard: AddressGuard;
  readonly names?: Names;
};

export class AllowedAddresses {
  private readonly guard: AddressGuard;
  private readonly names: Names;

  constructor({ guard, names = new Names() }: AddressOptions) {
    this.guard = guard;
    this.names = names;
  }

  /** True: `of` answers at once. Otherwise it resolves when it does. */
  ready(hostname: string): true | Promise<void> {
    return this.names.ready(hostname);
  }

  /** @throws BlockedAddress if the guard allows none of them, NameFailure if there are none */
  async of(hostname: string): Promise<ResolvedAddress[]> {
    const addresses = await this.names.addresses(hostname);
    const reasons = addresses.map(({ address }) => this.guard.check(address));
    const allowed = addresses.filter((_, index) => reasons[index] === undefined);
    const [why = 'It has no address.'] = reasons;
    if (allowed.length === 0) throw new BlockedAddress(`${why.replace(/\.$/, '')} (the name ${hostname} resolves to it).`);
    return allowed;
  }

  /** The error for a literal address that may not be called; undefined: it may. */
  blocked(address: string): BlockedAddress | undefined {
    const reason = this.guard.check(address);
    return reason === undefined ? undefined : new BlockedAddress(reason);
  }
}
