// SIGNATURE_SHA256: `x-signature-algo: sha256`, `x-signature: <hex HMAC-SHA256 of the raw body under the secret's UTF-8 bytes>`.
// The header carries one signature, so only the current secret signs.
import { createHmac } from 'node:crypto';
import { currentOf, type Signature } from './signed.ts';

export const signatureSha256: Signature = ({ body, secrets }) => ({
  'x-signature-algo': 'sha256',
  'x-signature': createHmac('sha256', currentOf(secrets)).update(body).digest('hex'),
});
