// Masking of header values: which headers carry secrets, and the mask that replaces their values.

export const mask = '••••••';

const sensitive =
  /authori[sz]ation|authenticat|cookie|token|secret|key|passw|passphrase|credential|signature|session|jwt|hmac|(^|[-_.])(auth|pass|pwd)([-_.]|$)/i;

/** Judges by the name, because the purpose of a value can't be known. Masks one header too many rather than one too few. */
export const isSensitiveHeader = (name: string): boolean => sensitive.test(name);

export const maskHeader = (name: string, value: string): string => (isSensitiveHeader(name) ? mask : value);
