// STANDARD_WEBHOOKS_ED25519: `webhook-signature: v1a,<base64 Ed25519 signature>` by the key behind `whsk_`; receivers verify with its `whpk_`.
import { sign } from 'node:crypto';
import { privateKeyOf } from '../../secrets/signing-keys.ts';
import { cacheKeys, standardWebhooksHeaders } from './standard-webhooks-headers.ts';

const keyOf = cacheKeys(privateKeyOf);

export const standardWebhooksEd25519 = standardWebhooksHeaders(
  'STANDARD_WEBHOOKS_ED25519',
  (content, secret) => `v1a,${sign(null, Buffer.from(content), keyOf(secret)).toString('base64')}`,
);
