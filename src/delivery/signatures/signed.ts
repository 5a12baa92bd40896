// What a signature scheme is: a function from a body and the keys to the headers that prove it.
import { FormatError } from '../formats/format-error.ts';

/** `secrets`: those valid now, the current one first; schemes that can carry several signatures sign with each. */
export type Signed = { readonly body: string; readonly messageId: string; readonly timestamp: Date; readonly secrets: readonly string[] };

/** Pure. @throws FormatError when there is no key to sign with, or it is none for this scheme. */
export type Signature = (signed: Signed) => Record<string, string>;

/** The secret that signs alone where the scheme carries one signature. @throws FormatError when there is none. */
export const currentOf = ([secret]: readonly string[]): string => {
  if (secret === undefined)
    throw new FormatError('The endpoint has no secret to sign with; rotate its secret, or choose the signature NONE.');
  return secret;
};
