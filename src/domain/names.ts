// The rule for every name that a person gives: what two people read as the same name is the same name.

/** Control and format characters, bidirectional ones and those of no width among them, and letters that show nothing. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]/u;

/** @returns why it can't be a name, as a sentence about it without a subject: `is blank; …` */
export const nameProblem = (name: string): string | undefined => {
  if (name.trim() === '') return 'is blank; give a name that people recognise';
  if (!name.isWellFormed()) return 'contains half a character; leave it out';
  const found = invisible.exec(name);
  if (!found) return undefined;
  const code = found[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  return `contains an invisible character (U+${code} after ${JSON.stringify(name.slice(0, found.index).slice(-20))}); use visible characters and spaces`;
};

/** Whether people read two names as one. */
export const sameName = (a: string, b: string): boolean => a.normalize('NFC') === b.normalize('NFC');
