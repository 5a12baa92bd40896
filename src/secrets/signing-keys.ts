// The signing keys in their text forms: any text for a plain HMAC; `whsec_…`, and the pair `whsk_…` and `whpk_…`, for Standard Webhooks.
// Source: Standard Webhooks 1.0.0, "Signature scheme". It doesn't define the bytes of a private key. Like other senders, we use the seed followed by the
// public key (64 bytes), and also accept the seed alone (32 bytes).
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

/** The message says what the secret must be, as the end of a sentence. */
export class UnfitSecret extends Error {
  override name = 'UnfitSecret';
}

const [symmetric, secret, published] = ['whsec_', 'whsk_', 'whpk_'];

/** Accepts only canonical base64, so that every reader gets the same bytes. */
const decode = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

const bytesOf = (prefix: string, lengths: string, fits: (length: number) => boolean, text: string): Buffer => {
  if (!text.startsWith(prefix)) throw new UnfitSecret(`it must begin with ${prefix}, followed by the base64 of ${lengths} bytes`);
  const bytes = decode(text.slice(prefix.length));
  if (!bytes) throw new UnfitSecret(`what follows ${prefix} must be base64, in the standard alphabet and padded with =`);
  if (fits(bytes.length)) return bytes;
  throw new UnfitSecret(`what follows ${prefix} is the base64 of ${bytes.length} bytes; it must be that of ${lengths}`);
};

/** The HMAC key behind `whsec_…`. @throws UnfitSecret */
export const symmetricKeyOf = (text: string): KeyObject =>
  createSecretKey(bytesOf(symmetric, '24 to 64', (length) => length >= 24 && length <= 64, text));

// Precedes the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410).
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const seedLength = 32;

/** The Ed25519 key behind `whsk_…`. @throws UnfitSecret */
export const privateKeyOf = (text: string): KeyObject => {
  const bytes = bytesOf(secret, '32 or 64', (length) => length === seedLength || length === 2 * seedLength, text);
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, bytes.subarray(0, seedLength)]), format: 'der', type: 'pkcs8' });
  if (bytes.length > seedLength && !publicBytesOf(key).equals(bytes.subarray(seedLength)))
    throw new UnfitSecret(`the second 32 of the 64 bytes behind ${secret} must be the public key that belongs to the first`);
  return key;
};

const publicBytesOf = (key: KeyObject): Buffer => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-seedLength);

/** The `whpk_…` of a `whsk_…`, with which receivers verify. @throws UnfitSecret */
export const publicKeyOf = (text: string): string => published + publicBytesOf(privateKeyOf(text)).toString('base64');

// Precedes the 32 bytes of a public Ed25519 key in SPKI (RFC 8410).
const spki = Buffer.from('302a300506032b6570032100', 'hex');

/** The Ed25519 key behind `whpk_…`. @throws UnfitSecret */
export const verifyingKeyOf = (text: string): KeyObject =>
  createPublicKey({
    key: Buffer.concat([spki, bytesOf(published, '32', (length) => length === seedLength, text)]),
    format: 'der',
    type: 'spki',
  });

export const newTextKey = (): string => randomBytes(32).toString('base64url');

export const newSymmetricKey = (): string => symmetric + randomBytes(32).toString('base64');

export const newPrivateKey = (): string => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-seedLength);
  return secret + Buffer.concat([seed, publicBytesOf(privateKey)]).toString('base64');
};
