// What a new filter may be: well formed, and within bounds. Filters of older logs may be beyond the bounds.
import type { Issue } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { scansOf } from './filter-tree.ts';
import { parseFilter } from './parse-filter.ts';

const mostConditions = 256;
const mostScans = 64;
const longest = 16_384;

/** What is wrong with a filter: dotted paths inside it, and the remedy. */
export const checkFilter = (filter: JsonObject): Issue[] => {
  const { pattern, issues, conditions } = parseFilter(filter);
  if (issues.length > 0) return issues.slice(0, 20);
  if (conditions > mostConditions)
    return [{ path: '', message: `A filter may have at most ${mostConditions} conditions; this one has ${conditions}.` }];
  // Too deep a pattern is refused above before it is measured: stringify recurses.
  if (JSON.stringify(filter).length > longest)
    return [{ path: '', message: `A filter may have at most ${longest} characters as JSON; use fewer values, or prefixes.` }];
  const scans = scansOf(pattern);
  if (scans > mostScans)
    return [
      {
        path: '',
        message: `A filter may test the values of a message at most ${mostScans} times; this one does it ${scans} times. Write the values of a field as one list, ["a", "b"]: that is one test, and an alternative of \`$or\` for each is many.`,
      },
    ];
  return [];
};
