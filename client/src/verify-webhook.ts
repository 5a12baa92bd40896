// Verifies that Hookledger sent a webhook: one call for all signature schemes. Pure, except for the clock.
import { createHmac, createPublicKey, timingSafeEqual, verify, type KeyObject } from 'node:crypto';

/** The endpoint's `signature`. NONE is missing here: an unsigned webhook can't be verified. */
export type SignatureScheme = 'WEBHOOK_SHA256' | 'SIGNATURE_SHA256' | 'STANDARD_WEBHOOKS' | 'STANDARD_WEBHOOKS_ED25519';

/** Node's `request.headers`, a `Headers`, or any object with header names (in any case) and values. */
export type WebhookHeaders = { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

export type WebhookToVerify = {
  /** The endpoint's scheme. It is not guessed from the request, because anyone can send one. */
  readonly signature: SignatureScheme;
  /**
   * The endpoint's secret, or the organization's signing key if the endpoint uses that. For STANDARD_WEBHOOKS_ED25519: the endpoint's public key
   * (`whpk_…`). Give a list during a rotation: a signature by any of them is valid.
   */
  readonly secret: string | readonly string[];
  /** The body as it arrived, before any parsing. */
  readonly body: string | Uint8Array;
  readonly headers: WebhookHeaders;
  /** How far a Standard Webhooks timestamp may be from now. Default: 300. The other schemes carry no time. */
  readonly toleranceSeconds?: number;
  readonly now?: Date;
};

export type VerificationFailure = 'missing-header' | 'malformed-header' | 'too-old' | 'too-new' | 'wrong-signature' | 'not-json';

/** The request is not genuine, or too old or too new: answer 401. */
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
 * @returns the parsed body. It is genuine, but its publisher chose its shape.
 * @throws WebhookVerificationError with the reason; TypeError for wrong arguments, such as an empty secret.
 */
export const verifyWebhook = (webhook: WebhookToVerify): unknown => {
  const secrets = typeof webhook.secret === 'string' ? [webhook.secret] : webhook.secret;
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.some((secret) => typeof secret !== 'string' || secret === ''))
    throw new TypeError("`secret` must be the endpoint's secret, or a list of secrets; none may be empty.");
  const body = bytesOf(webhook.body);
  if (!isSigned(webhook, secrets, body))
    throw new WebhookVerificationError('wrong-signature', 'The signature does not match this body and this secret.');
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

/** Takes constant time for signatures of the right length: it tries every key, even after a match. */
const anyEqual = <K>(keys: readonly K[], given: string, sign: (key: K) => string): boolean => {
  const bytes = Buffer.from(given);
  const equal = keys.map((key) => {
    const expected = Buffer.from(sign(key));
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
  return equal.includes(true);
};

// ── Standard Webhooks ──

/** Hookledger sends at most two signatures; checking hundreds would only waste time. */
const mostSignatures = 10;

const standard = ({ headers, toleranceSeconds = 300, now = new Date() }: WebhookToVerify, body: Buffer, version: string) => {
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const list = header(headers, 'webhook-signature');
  if (!/^\d{1,11}$/.test(timestamp)) throw malformed('webhook-timestamp', 'seconds since 1970');
  const age = now.getTime() / 1000 - Number(timestamp);
  // `!(…)` lets nothing pass if the tolerance is not a number.
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

/** If a header came twice, its joined value matches nothing that Hookledger sends. */
const header = (headers: WebhookHeaders, name: string): string => {
  const value = valueOf(headers, name);
  if (value === undefined || value === '')
    throw new WebhookVerificationError(
      'missing-header',
      `The header ${name} is missing. Check that Hookledger sent the request, and that the scheme is the endpoint's.`,
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
  throw new TypeError('`body` must be the body as it arrived, as a string or bytes, not a parsed value.');
};

const parse = (body: Buffer): unknown => {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new WebhookVerificationError('not-json', 'The signature is right, but the body is not JSON.');
  }
};
