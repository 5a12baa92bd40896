// Validates input from outside against a zod schema, and reports what is wrong as issues with dotted paths: `messages.3.data`.
import * as z from 'zod';
import { isExactNumber } from '../domain/exact-number.ts';
import { DomainError, type Issue } from '../domain/errors.ts';
import { Refusal } from './refusal.ts';

const maxIssues = 20;

/**
 * @param at where the value is in the request; the paths of the issues begin with it
 * @throws Refusal BAD_USER_INPUT with the issues
 */
export const validate = <T>(schema: z.ZodType<T>, value: unknown, ...at: readonly PropertyKey[]): T => {
  // An exact number is an object to JavaScript; a schema for objects would name a field of it.
  const parsed = schema.safeParse(isExactNumber(value) ? Number(value.rawJSON) : value);
  if (parsed.success) return parsed.data;
  throw invalidInput(issuesOf(parsed.error, at));
};

export const invalidInput = (issues: readonly Issue[]) =>
  new Refusal('BAD_USER_INPUT', summary(issues), { issues: issues.slice(0, maxIssues) });

/** The first issue, and how many others there are. */
const summary = (issues: readonly Issue[]): string => {
  const [first] = issues;
  const sentence = first ? [first.path, first.message].filter((part) => part !== '').join(': ') : 'The input is not valid';
  return issues.length > 1 ? `${sentence} (and ${issues.length - 1} more, see issues)` : sentence;
};

/** Every unknown field gets an issue of its own. */
const issuesOf = (error: z.ZodError, at: readonly PropertyKey[]): Issue[] =>
  error.issues.flatMap((issue): Issue[] => {
    const path = [...at, ...issue.path];
    if (issue.code !== 'unrecognized_keys') return [{ path: dotted(path), message: issue.message }];
    return issue.keys.map((key) => ({
      path: dotted([...path, key]),
      message: `There is no field ${JSON.stringify(key)}; leave it out.`,
    }));
  });

/** A list that may be left out, and is not long. */
export const atMost = <T extends z.ZodType>(most: number, entry: T) =>
  z.array(entry).max(most, `may have at most ${most} entries; ask in several queries`).nullish();

const dotted = (path: readonly PropertyKey[]) => path.map(String).join('.');

/** Deciders don't know which argument the settings came in, so the paths of their issues get its name here. */
export const prefixIssuePaths = async <T>(argument: string, result: Promise<T>): Promise<T> => {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const issues = error.issues.map(({ path, message }) => ({ path: path === '' ? argument : `${argument}.${path}`, message }));
    throw new DomainError(error.code, error.message, issues);
  }
};
