// Masking of addresses in the errors of attempts: which address a name resolved to says how the network inside is built, so callers who may not see
// secrets get the sentence without it. An address that stands in the endpoint's URL is no secret.
import type { FailureReason } from './attempts.ts';

/** As the sender words it. */
const resolvedToBlocked = /^The address .+ may not be called; .+ \(the name (\S+) resolves to it\)\.$/;
const ipv4 = /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)/g;
/** At least two colons, which no port and no sentence has. */
const ipv6 = /(?<![\w:.])[\da-f]{0,4}:[\da-f]{0,4}:[\da-f:.]*/gi;

/** Other sentences quote the receiver or the endpoint's configuration, not the network. */
const fromNetwork: ReadonlySet<FailureReason> = new Set(['BLOCKED_ADDRESS', 'CONNECTION', 'DNS', 'TLS', 'TIMEOUT']);

export type FailedAttempt = { readonly failure: FailureReason; readonly error: string; readonly url: string };

/** The same for a sentence of which nobody says why the attempt failed. */
export const maskAddressesIn = (error: string, url: string): string => maskResolvedAddress({ failure: 'CONNECTION', error, url });

/** The error's sentence without the address that the URL's name resolved to. */
export const maskResolvedAddress = ({ failure, error, url }: FailedAttempt): string => {
  if (!fromNetwork.has(failure)) return error;
  const [, name] = resolvedToBlocked.exec(error) ?? [];
  if (name !== undefined) return `The name ${name} resolves to an address that may not be called.`;
  const masked = (address: string) => (url.includes(address) ? address : '(an address)');
  return error.replace(ipv4, masked).replace(ipv6, masked);
};
