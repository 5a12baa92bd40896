// The address guard: which addresses Hookledger may connect to, so that no one reaches Hookledger's own network through an endpoint's URL.
// It allows public unicast addresses; configuration allows more. It checks addresses, never names: the sender resolves a name once, checks
// each address, and connects only to those that pass.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Address, number];

export type AddressGuard = {
  /** Why the address may not be called, as a sentence; undefined: it may. A text that is no IP address may not be called. */
  readonly check: (address: string) => string | undefined;
  /** The same for a URL whose host is a literal address or `localhost`; undefined for any other host, which is checked when it is called. */
  readonly checkUrlHost: (url: string) => string | undefined;
};

// The ranges of ipaddr.js in words. Only `unicast` is public. A range that is missing here is refused, too.
const rangeNames: Readonly<Record<string, string>> = {
  unspecified: 'unspecified',
  broadcast: 'broadcast',
  multicast: 'multicast',
  linkLocal: 'link-local',
  loopback: 'loopback',
  carrierGradeNat: 'shared by a carrier (RFC 6598)',
  private: 'private',
  uniqueLocal: 'unique-local (private)',
  deprecatedSiteLocal: 'site-local (private)',
  '6to4': '6to4',
  teredo: 'Teredo',
  reserved: 'reserved',
  metadata: "a cloud provider's metadata service",
};

/** Allowed by `HOOKLEDGER_ALLOW_PRIVATE_NETWORKS=true`. Link-local is not, because cloud metadata is there: allow it by a CIDR. */
const privateRanges = new Set(['loopback', 'private', 'carrierGradeNat', 'uniqueLocal', 'deprecatedSiteLocal']);

const network = (cidr: string): Network => {
  try {
    return cidr.includes('/') ? ipaddr.parseCIDR(cidr) : [ipaddr.parse(cidr), isIP(cidr) === 4 ? 32 : 128];
  } catch {
    throw new Error(`"${cidr}" is not a network; give a CIDR such as 10.0.0.0/8 or fd00::/8.`);
  }
};

/** Undefined for a text that is no address. A zone (`%eth0`) does not matter. */
const parse = (text: string): Address | undefined => {
  const [plain = ''] = text.split('%', 1);
  const version = isIP(plain);
  if (version === 0) return undefined;
  // Through the URL parser, because ipaddr.js takes `::1.2.3.4` for IPv4-mapped, which it is not.
  return ipaddr.parse(version === 6 ? new URL(`http://[${plain}]/`).hostname.slice(1, -1) : plain);
};

const contains = ([base, bits]: Network, address: Address): boolean => base.kind() === address.kind() && address.match(base, bits);

const last32 = (parts: readonly number[]) => {
  const [high = 0, low = 0] = parts.slice(-2);
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
};

const globalUnicast = network('2000::/3');
/** Services that give a machine's credentials away, outside the link-local range. Only a CIDR allows them. */
const metadataServices = [
  '168.63.129.16', // Azure
  '100.100.100.200', // Alibaba Cloud
  'fd00:ec2::/32', // AWS: metadata, Pod Identity, DNS
  'fd20:ce::254', // Google Cloud
  'fd00:c1::a9fe:a9fe', // Oracle Cloud
  'fd00:42::42', // Scaleway
].map(network);
const nat64 = network('64:ff9b::/96');

/**
 * The IPv4 address that a packet to this IPv6 address reaches, for the kinds whose prefix looks public: IPv4-mapped (RFC 4291),
 * NAT64 (RFC 6052), ISATAP (RFC 5214). The other kinds (IPv4-compatible, 6to4, Teredo, local NAT64) are refused whatever they embed.
 */
const embedded = (address: ipaddr.IPv6): ipaddr.IPv4 | undefined => {
  const { parts } = address;
  const isatap = ((parts[4] ?? 0) & ~0x0200) === 0 && parts[5] === 0x5efe;
  return isatap || address.isIPv4MappedAddress() || contains(nat64, address) ? last32(parts) : undefined;
};

/** The name of the address's range; `unicast` if it is public. */
const rangeOf = (address: Address): string => {
  const range: string = address.range();
  return range === 'unicast' && address.kind() === 'ipv6' && !contains(globalUnicast, address) ? 'reserved' : range;
};

/**
 * @param allowPrivateNetworks true allows loopback and private networks, but no metadata service; a list allows these networks, whatever they are.
 * @throws Error for an entry that is no CIDR
 */
export const addressGuard = (allowPrivateNetworks: boolean | readonly string[]): AddressGuard => {
  const networks = typeof allowPrivateNetworks === 'boolean' ? [] : allowPrivateNetworks.map(network);
  const ranges = allowPrivateNetworks === true ? privateRanges : new Set<string>();

  const refusedRange = (address: Address): string | undefined => {
    if (networks.some((each) => contains(each, address))) return undefined;
    if (metadataServices.some((each) => contains(each, address))) return 'metadata';
    const inner = address instanceof ipaddr.IPv6 ? embedded(address) : undefined;
    if (inner) {
      const innerRange = refusedRange(inner);
      if (innerRange !== undefined) return innerRange;
      // For these two, only the IPv4 address counts.
      if (address.range() === 'ipv4Mapped' || address.range() === 'rfc6052') return undefined;
    }
    const range = rangeOf(address);
    return range === 'unicast' || ranges.has(range) ? undefined : range;
  };

  const check = (text: string): string | undefined => {
    const address = parse(text);
    if (!address) return `"${text}" is not an IP address.`;
    const range = refusedRange(address);
    if (range === undefined) return undefined;
    const inner = address instanceof ipaddr.IPv6 ? embedded(address) : undefined;
    const what = `${text}${inner ? ` (which leads to ${inner.toString()})` : ''}`;
    const remedy = privateRanges.has(range)
      ? 'set HOOKLEDGER_ALLOW_PRIVATE_NETWORKS'
      : 'list its network in HOOKLEDGER_ALLOW_PRIVATE_NETWORKS';
    return `The address ${what} is ${rangeNames[range] ?? 'reserved'} and may not be called; ${remedy} to allow it.`;
  };

  const checkUrlHost = (url: string): string | undefined => {
    if (!URL.canParse(url)) return undefined;
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    if (isIP(host) !== 0) return check(host);
    // RFC 6761: these names are the loopback addresses, whatever a resolver says.
    if (host === 'localhost' || host.endsWith('.localhost')) return check('127.0.0.1') && check('::1');
    return undefined;
  };

  return { check, checkUrlHost };
};
