// Verifies that a webhook was sent by Hookledger: one call for all signature schemes. Pure, but for the clock.
import { createHmac, createPublicKey, timingSafeEqual, verify, type KeyObject } from 'node:crypto';

/** As the endpoint's `signature` says; what is not signed can't be verified, so NONE is none of these. */
export type SignatureScheme = 'WEBHOOK_SHA256' | 'SIGNATURE_SHA256' | 'STANDARD_WEBHOOKS' | 'STANDARD_WEBHOOKS_ED25519';

/** Node's `request.headers`, a `Headers`, or any object of names, in upper or lower case, and values. */
export type WebhookHeaders = { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

export type WebhookToVerify = {
  /** The scheme of the endpoint. It is not guessed from the request, which anyone can send. */
  readonly signature: SignatureScheme;
  /**
   * The endpoint's secret, or the organization's signing key where the endpoint uses it; for STANDARD_WEBHOOKS_ED25519 the endpoint's public key
   * (`whpk_…`). Several while a secret is rotated: a signature by any of them is genuine.
   */
  readonly secret: string | readonly string[];
  /** As it arrived, before any parsing. */
  readonly body: string | Uint8Array;
  readonly headers: WebhookHeaders;
  /** How far the time of a Standard Webhooks signature may be from now; 300 unless given. The other schemes carry no time. */
  readonly toleranceSeconds?: number;
  readonly now?: Date;
};

export type VerificationFailure = 'missing-header' | 'malformed-header' | 'too-old' | 'too-new' | 'wrong-signature' | 'not-json';

/** The request is not genuine, or not any more: answer 401. */
export class WebhookVerificationError extends Error {
  override name = 'WebhookVerificationError';
  constructor(
    readonly reason: VerificationFailure,
    message: string,
  ) {
    super(message);
  }
}

/**
 * @returns the parsed body: genuine, but of whatever shape its publisher gave it.
 * @throws WebhookVerificationError that says why; TypeError when it is called with what can't verify anything, such as an empty secret.
 */
export const verifyWebhook = (webhook: WebhookToVerify): unknown => {
  const secrets = typeof webhook.secret === 'string' ? [webhook.secret] : webhook.secret;
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.some((secret) => typeof secret !== 'string' || secret === ''))
    throw new TypeError('`secret` must be the secret of the endpoint, or a list of them; none may be empty.');
  const body = bytesOf(webhook.body);
  if (!isSigned(webhook, secrets, body))
    throw new WebhookVerificationError('wrong-signature', 'The signature is not one of this body under this secret.');
  return parse(body);
};

const isSigned = (webhook: WebhookToVerify, secrets: readonly string[], body: Buffer): boolean => {
  const { headers } = webhook;
  switch (webhook.signature) {
    case 'WEBHOOK_SHA256': {
      const [, given] = /^sha256=([0-9a-f]{64})$/.exec(header(headers, 'x-webhook-signature')) ?? [];
      if (given === undefined) throw malformed('x-webhook-signature', 'sha256= and 64 hexadecimal digits');
      return anyEqual(secrets, given, (secret) => createHmac('sha256', secret).update(body).digest('hex'));
    }
    case 'SIGNATURE_SHA256': {
      if (header(headers, 'x-signature-algo') !== 'sha256') throw malformed('x-signature-algo', 'sha256');
      const given = header(headers, 'x-signature');
      if (!/^[0-9a-f]{64}$/.test(given)) throw malformed('x-signature', '64 hexadecimal digits');
      return anyEqual(secrets, given, (secret) => createHmac('sha256', secret).update(body).digest('hex'));
    }
    case 'STANDARD_WEBHOOKS': {
      const keys = secrets.map(symmetricKeyOf);
      const { content, signatures } = standard(webhook, body, 'v1');
      return signatures.some((given) => anyEqual(keys, given, (key) => createHmac('sha256', key).update(content).digest('base64')));
    }
    case 'STANDARD_WEBHOOKS_ED25519': {
      const keys = secrets.map(publicKeyOf);
      const { content, signatures } = standard(webhook, body, 'v1a');
      return signatures.some((given) => keys.some((key) => verify(null, content, key, Buffer.from(given, 'base64'))));
    }
    default:
      throw new TypeError(`There is no signature scheme ${JSON.stringify(webhook.signature)}; give the endpoint's \`signature\`.`);
  }
};

/** In constant time for signatures of the right length; every key is tried, whichever matches. */
const anyEqual = <K>(keys: readonly K[], given: string, sign: (key: K) => string): boolean => {
  const bytes = Buffer.from(given);
  const equal = keys.map((key) => {
    const expected = Buffer.from(sign(key));
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
  return equal.includes(true);
};

// ── Standard Webhooks ──

/** A sender signs with two at most; a header of hundreds would only cost time. */
const mostSignatures = 10;

const standard = ({ headers, toleranceSeconds = 300, now = new Date() }: WebhookToVerify, body: Buffer, version: string) => {
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const list = header(headers, 'webhook-signature');
  if (!/^\d{1,11}$/.test(timestamp)) throw malformed('webhook-timestamp', 'seconds since 1970');
  const age = now.getTime() / 1000 - Number(timestamp);
  // Written so that a tolerance that is no number lets nothing pass.
  if (!(age <= toleranceSeconds)) throw new WebhookVerificationError('too-old', `It was signed ${seconds(age)} ago; it may be a replay.`);
  if (!(-age <= toleranceSeconds))
    throw new WebhookVerificationError('too-new', `It was signed ${seconds(-age)} in the future; check the clocks.`);
  const signatures = list
    .split(' ', mostSignatures)
    .filter((entry) => entry.startsWith(`${version},`))
    .map((entry) => entry.slice(version.length + 1));
  return { content: Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]), signatures };
};

const seconds = (age: number) => `${Math.round(age)} s`;

const decode = (prefix: string, secret: string): Buffer | undefined => {
  const bytes = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : undefined;
  return bytes && prefix + bytes.toString('base64') === secret ? bytes : undefined;
};

const symmetricKeyOf = (secret: string): Buffer => {
  const bytes = decode('whsec_', secret);
  if (bytes && bytes.length > 0) return bytes;
  throw new TypeError('`secret` must be the `whsec_…` of the endpoint, as its `secret` shows it.');
};

const publicKeyOf = (secret: string): KeyObject => {
  const bytes = decode('whpk_', secret);
  if (bytes?.length !== 32)
    throw new TypeError('`secret` must be the `whpk_…` of the endpoint, as its `publicKey` shows it; its `whsk_…` stays with the sender.');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' });
};

// ── The request ──

const malformed = (name: string, expected: string) =>
  new WebhookVerificationError('malformed-header', `The header ${name} must be ${expected}.`);

/** A header that came twice has the value of none that Hookledger sends. */
const header = (headers: WebhookHeaders, name: string): string => {
  const value = valueOf(headers, name);
  if (value === undefined || value === '')
    throw new WebhookVerificationError(
      'missing-header',
      `The header ${name} is missing; is this request from Hookledger, and the scheme right?`,
    );
  return value;
};

const valueOf = (headers: WebhookHeaders, name: string): string | undefined => {
  if (isGetter(headers)) return headers.get(name) ?? undefined;
  const values = Object.entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .flatMap(([, value]) => value ?? []);
  return values.length === 0 ? undefined : values.join(', ');
};

const isGetter = (headers: WebhookHeaders): headers is { get(name: string): string | null } => typeof headers.get === 'function';

const bytesOf = (body: string | Uint8Array): Buffer => {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  throw new TypeError('`body` must be the body as it arrived, a string or bytes, and not what was parsed from it.');
};

const parse = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new WebhookVerificationError('not-json', 'The signature is right, but the body is not JSON.');
  }
};
