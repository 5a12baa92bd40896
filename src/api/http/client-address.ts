// The client's address: the peer's, or behind trusted proxies the last entry of `x-forwarded-for` that is none of them.
import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

export type ClientAddress = (
  request: Pick<IncomingMessage, 'headers'> & { readonly socket: { readonly remoteAddress?: string | undefined } },
) => string;

/** @param trustedProxies CIDRs */
export const clientAddress = (trustedProxies: readonly string[]): ClientAddress => {
  const networks = trustedProxies.map((cidr) => ipaddr.parseCIDR(cidr));
  const isTrusted = (address: string) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return networks.some((network) => parsed.kind() === network[0].kind() && parsed.match(network));
  };
  return ({ headers, socket }) => {
    const peer = socket.remoteAddress ?? '';
    if (trustedProxies.length === 0 || !isTrusted(peer)) return peer;
    const forwarded = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    const addresses = forwarded.map((each) => each.trim()).filter((each) => ipaddr.isValid(each));
    return addresses.findLast((each) => !isTrusted(each)) ?? addresses[0] ?? peer;
  };
};
