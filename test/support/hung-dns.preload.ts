// Preloaded into a server (`node --import`): its DNS server is the one that HUNG_DNS names, which never answers, and the system's resolver hangs for every
// name with a dot as well.
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const server = process.env['HUNG_DNS'] ?? '';
const { lookup, Resolver } = dns;

class HungResolver extends Resolver {
  constructor(...options: ConstructorParameters<typeof Resolver>) {
    super(...options);
    this.setServers([server]);
  }
}
const hungLookup = (hostname: string, options: object) =>
  hostname.includes('.') ? new Promise(() => undefined) : lookup(hostname, options);

Object.assign(dns, { Resolver: HungResolver, lookup: hungLookup });
syncBuiltinESMExports();
