// Masking of header values: which headers carry secrets, and the mask that replaces their values.

export const mask = '••••••';

const sensitive =
  /authori[sz]ation|authenticat|cookie|token|secret|key|passw|passphrase|credential|signature|session|jwt|hmac|csrf|xsrf|(^|[-_.])(auth|pass|pwd|sig|otp)([-_.]|$)/i;

/** Judges by the name. For names that we don't choose: headers of responses, and keys in payloads. Masks one too many rather than one too few. */
export const isSensitiveName = (name: string): boolean => sensitive.test(name);

const harmless =
  /^(accept|accept-charset|accept-language|cache-control|content-type|content-language|content-disposition|date|dnt|pragma|prefer|user-agent|x-requested-with|ce-(specversion|type|source|datacontenttype))$/i;

/** An endpoint's own header: its value is secret unless the name is one of a few that never carry secrets. */
export const maskOwnHeader = (name: string, read: () => string): string => (harmless.test(name) ? read() : mask);

/** Endpoints can't set these. */
const ours = /^(hookledger-hops|webhook-(id|attempt|timestamp|signature)|x-webhook-signature|x-signature|x-signature-algo)$/i;

/** A header of a request as it was recorded: the endpoint's own are masked, ours are not. */
export const maskRequestHeader = (name: string, value: string): string => (ours.test(name) ? value : maskOwnHeader(name, () => value));
