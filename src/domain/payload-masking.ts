// Masking of payloads: replaces the secrets in them for callers who may not see them.
import { parseJson } from './exact-number.ts';
import { isJsonObject, type Json } from './json.ts';
import { isSensitiveName, mask } from './header-masking.ts';

/** Masks every value whose key names a secret. Keys are judged like the names of response headers. */
export const maskSecrets = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(maskSecrets);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, inner !== null && isSensitiveName(key) ? mask : maskSecrets(inner)]),
  );
};

// What has a key before it: a text in quotes; an object or a list, of which nothing is shown from there on; else all up to the end of the
// line or a separator. A key begins where no letter is before it, so that the search is linear.
const named = /(?<![\w.-])([\w.-]+)(["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[{[][^]*|[^\r\n,;&}<]+)/g;

/** The same for a body: parsed if it is JSON; otherwise, also if it was cut off, wherever it reads `key: value` or `key=value`. */
export const maskSecretsInText = (text: string): string => {
  try {
    return JSON.stringify(maskSecrets(parseJson(text)));
  } catch {
    return maskNamed(text);
  }
};

const maskNamed = (text: string): string => {
  const search = new RegExp(named);
  let shown = '';
  let at = 0;
  for (let found = search.exec(text); found; found = search.exec(text)) {
    const [, key = '', between = ''] = found;
    const value = found.index + key.length + between.length;
    if (isSensitiveName(key)) {
      shown += `${text.slice(at, value)}${mask}`;
      at = search.lastIndex;
    } else if (/[{[]/.test(text.charAt(value))) search.lastIndex = value + 1; // look inside
  }
  return shown + text.slice(at);
};
