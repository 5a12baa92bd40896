// WEBHOOK_SHA256: `X-Webhook-Signature: sha256=<hex HMAC-SHA256 of the raw body under the secret's UTF-8 bytes>`.
// The header carries one signature, so only the current secret signs.
import { createHmac } from 'node:crypto';
import { FormatError } from '../formats/format-error.ts';
import type { Signature } from './signed.ts';

export const webhookSha256: Signature = ({ body, secrets: [secret] }) => {
  if (secret === undefined)
    throw new FormatError('The endpoint has no secret to sign with; rotate its secret, or choose the signature NONE.');
  return { 'X-Webhook-Signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
};
