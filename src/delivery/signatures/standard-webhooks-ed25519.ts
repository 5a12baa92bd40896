// STANDARD_WEBHOOKS_ED25519: `webhook-signature: v1a,<base64 Ed25519 signature>` by the key behind `whsk_`; receivers verify with its `whpk_`.
import { sign, type KeyObject } from 'node:crypto';
import { privateKeyOf } from '../../secrets/signing-keys.ts';
import { standardWebhooksHeaders } from './standard-webhooks-headers.ts';

/** To read a key takes longer than to sign with it. Those in use are kept, and all dropped when they have grown to this many. */
const mostKeys = 10_000;
const keys = new Map<string, KeyObject>();

const keyOf = (secret: string): KeyObject => {
  let key = keys.get(secret);
  if (!key) {
    key = privateKeyOf(secret);
    if (keys.size >= mostKeys) keys.clear();
    keys.set(secret, key);
  }
  return key;
};

export const standardWebhooksEd25519 = standardWebhooksHeaders(
  'STANDARD_WEBHOOKS_ED25519',
  (content, secret) => `v1a,${sign(null, Buffer.from(content), keyOf(secret)).toString('base64')}`,
);
