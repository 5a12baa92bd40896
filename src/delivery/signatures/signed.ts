// What a signature scheme is: a function from a body and the keys to the headers that prove it.

/** `secrets`: those valid now, the current one first; schemes that can carry several signatures sign with each. */
export type Signed = { readonly body: string; readonly messageId: string; readonly timestamp: Date; readonly secrets: readonly string[] };

/** Pure. @throws FormatError when there is no key to sign with. */
export type Signature = (signed: Signed) => Record<string, string>;
