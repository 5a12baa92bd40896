// The signature schemes: headers that prove to a receiver that a request is genuine. One file each; this is their list.
import type { SignatureScheme } from '../../domain/endpoint-events.ts';
import type { Signature, Signed } from './signed.ts';
import { none } from './none.ts';
import { signatureSha256 } from './signature-sha256.ts';
import { standardWebhooksEd25519 } from './standard-webhooks-ed25519.ts';
import { standardWebhooks } from './standard-webhooks.ts';
import { webhookSha256 } from './webhook-sha256.ts';

export type { Signature, Signed } from './signed.ts';

const signatures: Readonly<Record<SignatureScheme, Signature>> = {
  NONE: none,
  WEBHOOK_SHA256: webhookSha256,
  SIGNATURE_SHA256: signatureSha256,
  STANDARD_WEBHOOKS: standardWebhooks,
  STANDARD_WEBHOOKS_ED25519: standardWebhooksEd25519,
};

/** The headers to add. @throws FormatError if there is no signing key, or it does not fit the scheme */
export const sign = (scheme: SignatureScheme, signed: Signed): Record<string, string> => signatures[scheme](signed);
