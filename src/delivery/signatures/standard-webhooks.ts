// STANDARD_WEBHOOKS: `webhook-signature: v1,<base64 HMAC-SHA256>` under the bytes behind `whsec_`.
import { createHmac } from 'node:crypto';
import { symmetricKeyOf } from '../../secrets/signing-keys.ts';
import { cacheKeys, standardWebhooksHeaders } from './standard-webhooks-headers.ts';

const keyOf = cacheKeys(symmetricKeyOf);

export const standardWebhooks = standardWebhooksHeaders(
  'STANDARD_WEBHOOKS',
  (content, secret) => `v1,${createHmac('sha256', keyOf(secret)).update(content).digest('base64')}`,
);
