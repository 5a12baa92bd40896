// The headers that both Standard Webhooks schemes send. Source: Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers".
// They sign `<webhook-id>.<webhook-timestamp>.<body>`; every request has `webhook-id` anyway. The signature is a list, so during its grace period the
// previous secret signs beside the current one, unless it is of the other scheme, which receivers of this one can't read.
import type { KeyObject } from 'node:crypto';
import { UnfitSecret } from '../../secrets/signing-keys.ts';
import { FormatError } from '../formats/format-error.ts';
import { currentOf, type Signature } from './signed.ts';

/** To read a key takes longer than to sign with it. Those in use are cacheKeys, and all dropped when they have grown to this many. */
const maxKeys = 10_000;

export const cacheKeys = (read: (secret: string) => KeyObject): ((secret: string) => KeyObject) => {
  const keys = new Map<string, KeyObject>();
  return (secret) => {
    let key = keys.get(secret);
    if (!key) {
      key = read(secret);
      if (keys.size >= maxKeys) keys.clear();
      keys.set(secret, key);
    }
    return key;
  };
};

/** One entry of the list, such as `v1,<base64>`. @throws UnfitSecret */
type Sign = (content: string, secret: string) => string;

export const standardWebhooksHeaders =
  (scheme: string, sign: Sign): Signature =>
  ({ body, messageId, timestamp, secrets }) => {
    const seconds = Math.floor(timestamp.getTime() / 1000);
    const content = `${messageId}.${seconds}.${body}`;
    const list = [signedByCurrent(scheme, sign, content, currentOf(secrets))];
    for (const previous of secrets.slice(1)) list.push(...signedByPrevious(sign, content, previous));
    return { 'webhook-timestamp': String(seconds), 'webhook-signature': list.join(' ') };
  };

const signedByCurrent = (scheme: string, sign: Sign, content: string, secret: string): string => {
  try {
    return sign(content, secret);
  } catch (error) {
    if (!(error instanceof UnfitSecret)) throw error;
    throw new FormatError(`The signing key does not fit ${scheme}: ${error.message}. Set another key, or choose another signature.`);
  }
};

const signedByPrevious = (sign: Sign, content: string, secret: string): string[] => {
  try {
    return [sign(content, secret)];
  } catch (error) {
    if (error instanceof UnfitSecret) return [];
    throw error;
  }
};
