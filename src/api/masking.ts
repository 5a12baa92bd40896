// Masking: what is shown in place of secrets in payloads, to those who may not see them.
import type { Json } from '../domain/json.ts';
import { isSensitiveHeader, mask } from '../domain/sensitive.ts';

/** Values under keys that name a secret are masked, whatever they are; keys are judged as the names of headers are. */
export const maskSecrets = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, inner !== null && isSensitiveHeader(key) ? mask : maskSecrets(inner)]),
  );
};

/** The same in a body: JSON as such, everything else (and JSON that was cut off) by what reads like `key: value` or `key=value`. */
export const maskSecretsInText = (text: string): string => {
  try {
    return JSON.stringify(maskSecrets(JSON.parse(text) as Json));
  } catch {
    return text.replaceAll(/([\w.-]+)(["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&}<]+)/g, (whole, key: string, between: string) =>
      isSensitiveHeader(key) ? `${key}${between}${mask}` : whole,
    );
  }
};
