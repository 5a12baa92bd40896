// WEBHOOK_SHA256: `X-Webhook-Signature: sha256=<hex HMAC-SHA256 of the raw body under the secret's UTF-8 bytes>`.
// The header carries one signature, so only the current secret signs.
import { createHmac } from 'node:crypto';
import { currentOf, type Signature } from './signed.ts';

export const webhookSha256: Signature = ({ body, secrets }) => ({
  'X-Webhook-Signature': `sha256=${createHmac('sha256', currentOf(secrets)).update(body).digest('hex')}`,
});
