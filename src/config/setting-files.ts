// Settings read from files: `HOOKLEDGER_X_FILE` names a file that holds the value of `HOOKLEDGER_X`, so that a secret need not be in the environment.
import { readFileSync } from 'node:fs';

const suffix = '_FILE';

type GivenSettings = {
  readonly values: Readonly<Record<string, string>>;
  /** The variable that named the file of a setting's value. */
  readonly namedBy: ReadonlyMap<string, string>;
  readonly mistakes: readonly string[];
};

/** @param isSetting whether there is a setting of this name; other variables pass through as they are */
export const readSettingFiles = (given: Readonly<Record<string, string>>, isSetting: (name: string) => boolean): GivenSettings => {
  const values: Record<string, string> = {};
  const namedBy = new Map<string, string>();
  const mistakes: string[] = [];
  for (const [variable, value] of Object.entries(given)) {
    const setting = settingOf(variable, isSetting);
    if (setting === undefined) {
      values[variable] = value;
      continue;
    }
    namedBy.set(setting, variable);
    if (given[setting] !== undefined) mistakes.push(`${setting} and ${variable} are both set. Leave one of them out.`);
    else
      try {
        values[setting] = contentOf(value);
      } catch (error) {
        mistakes.push(`${variable} names the file ${value}, which ${reasonOf(error)}.`);
      }
  }
  return { values, namedBy, mistakes };
};

/** Undefined unless it names a file. `HOOKLEDGER_CA_FILE` is a setting itself. */
const settingOf = (variable: string, isSetting: (name: string) => boolean): string | undefined => {
  const setting = variable.slice(0, -suffix.length);
  return variable.endsWith(suffix) && !isSetting(variable) && isSetting(setting) ? setting : undefined;
};

class Empty extends Error {}

/** Without the line breaks at its end, which editors and `echo` add. */
const contentOf = (file: string): string => {
  const text = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
  if (text === '') throw new Empty('is empty');
  return text;
};

const reasonOf = (error: unknown): string => {
  if (error instanceof Empty) return error.message;
  return `can't be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`;
};
