// JSON that people type. Pure.
import { parseJson } from '../../../src/domain/exact-number.ts';
import type { Json } from '../api/graphql.ts';
import { isObject } from './json-marks.ts';

type Read<T> = { readonly value: T; readonly problem: undefined } | { readonly value: undefined; readonly problem: string };

/** What is wrong, as the browser says it. */
export const jsonIn = (text: string): Read<Json> => {
  try {
    return { value: parseJson(text), problem: undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : 'it can’t be read';
    return { value: undefined, problem: `This is no JSON: ${reason}.` };
  }
};

export const jsonObjectIn = (text: string): Read<{ readonly [name: string]: Json }> => {
  const { value, problem } = jsonIn(text);
  if (problem !== undefined) return { value: undefined, problem };
  return isObject(value) ? { value, problem } : { value: undefined, problem: 'The data is an object: { … }.' };
};
