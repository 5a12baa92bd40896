// Which headers carry secrets, and what is shown in place of their values.

export const mask = '••••••';

const sensitive =
  /authori[sz]ation|authenticat|cookie|token|secret|key|passw|passphrase|credential|signature|session|jwt|hmac|(^|[-_.])(auth|pass|pwd)([-_.]|$)/i;

/** Rather one too many than one too few: a header is masked by its name, as what its value is for can't be known. */
export const isSensitiveHeader = (name: string): boolean => sensitive.test(name);

export const maskHeader = (name: string, value: string): string => (isSensitiveHeader(name) ? mask : value);
