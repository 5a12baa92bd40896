// Masking of known secrets wherever a text repeats them. Pure.
import { mask } from './header-masking.ts';

/** Fewer characters of a secret, at the end of a text, may be anything. */
const leastCut = 4;

/** @param isCut the text goes on where it came from, so it may end within a secret: its beginning there is masked as well */
export const maskSecrets = (text: string, secrets: readonly string[], isCut = false): string => {
  let masked = text;
  for (const secret of secrets) masked = masked.replaceAll(secret, mask);
  if (!isCut) return masked;
  const cut = Math.max(0, ...secrets.map((secret) => beginningAtEnd(masked, secret)));
  return cut === 0 ? masked : `${masked.slice(0, -cut)}${mask}`;
};

/** How many characters at the end of the text are the secret's first ones. */
const beginningAtEnd = (text: string, secret: string): number => {
  for (let length = Math.min(secret.length - 1, text.length); length >= leastCut; length--)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
};
