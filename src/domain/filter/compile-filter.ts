// Compiles a filter into functions of a message's data.
import type { JsonObject } from '../json.ts';
import { compilePattern } from './compile-pattern.ts';
import { compileSteps, type Steps } from './compile-steps.ts';
import { scansOf } from './filter-tree.ts';
import { parseFilter } from './parse-filter.ts';

export type CompiledFilter = {
  readonly matches: (data: JsonObject) => boolean;
  /** As `matches`, with a pause after every few thousand tests. */
  readonly matchesInSteps: (data: JsonObject) => Steps<boolean>;
  /** How often a match may go through an array. */
  readonly scans: number;
};

/** @throws Error at a pattern that is no filter. The bounds of `checkFilter` don't count: older filters may be beyond them. */
export const compileFilter = (filter: JsonObject): CompiledFilter => {
  const { pattern, issues } = parseFilter(filter);
  if (issues[0]) throw new Error(`The filter can't be used: ${issues[0].path}: ${issues[0].message}`);
  return { matches: compilePattern(pattern), matchesInSteps: compileSteps(pattern), scans: scansOf(pattern) };
};
