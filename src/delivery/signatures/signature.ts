// The signature schemes: the headers by which a receiver knows that a request is genuine. One file each; this is the list.
import type { SignatureScheme } from '../../domain/endpoint.ts';
import { FormatError } from '../formats/format-error.ts';
import type { Signature, Signed } from './signed.ts';
import { none } from './none.ts';
import { webhookSha256 } from './webhook-sha256.ts';

export type { Signature, Signed } from './signed.ts';

const signatures: Readonly<Partial<Record<SignatureScheme, Signature>>> = { NONE: none, WEBHOOK_SHA256: webhookSha256 };

/** Those that can be set on an endpoint. */
export const availableSignatures = Object.keys(signatures) as readonly SignatureScheme[];

/** The headers to add. @throws FormatError when the scheme is not available, or there is no key to sign with. */
export const sign = (scheme: SignatureScheme, signed: Signed): Record<string, string> => {
  const signature = signatures[scheme];
  if (!signature)
    throw new FormatError(`The signature ${scheme} is not available in this version; choose ${availableSignatures.join(' or ')}.`);
  return signature(signed);
};
