// A signature scheme: a function from a body and the keys to the headers that prove it.
import { FormatError } from '../formats/format-error.ts';

/** `secrets`: the valid ones, the current one first. Schemes that can carry several signatures sign with each. */
export type Signed = { readonly body: string; readonly messageId: string; readonly timestamp: Date; readonly secrets: readonly string[] };

/** Pure. @throws FormatError if there is no signing key, or it does not fit this scheme */
export type Signature = (signed: Signed) => Record<string, string>;

/** The secret that signs if the scheme carries one signature. @throws FormatError if there is none */
export const currentOf = ([secret]: readonly string[]): string => {
  if (secret === undefined)
    throw new FormatError('The endpoint has no secret to sign with; rotate its secret, or choose the signature NONE.');
  return secret;
};
