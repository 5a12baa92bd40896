// What a filter says, as a tree: parse-filter.ts makes it from JSON, compile-pattern.ts makes functions of it.

import type { ExactNumber } from '../exact-number.ts';

export type Scalar = string | number | ExactNumber | boolean | null;

/** Asks something of one object. */
export type Pattern =
  | { readonly is: 'field'; readonly name: string; readonly condition: Condition }
  | { readonly is: 'all' | 'any'; readonly of: readonly Pattern[] }
  | { readonly is: 'not'; readonly of: Pattern };

/** Asks something of a field, which may be absent. */
export type Condition =
  | { readonly is: 'present' | 'absent' }
  /** The value, or an element of the array, is one of `values` or passes one of `tests`. */
  | { readonly is: 'element'; readonly values: readonly Scalar[]; readonly tests: readonly ValueTest[] }
  /** The object, or an object in the array, fits the pattern. A field that holds no object counts as an object without fields. */
  | { readonly is: 'object'; readonly pattern: Pattern }
  | { readonly is: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly is: 'not'; readonly of: Condition };

/** Asks something of one value that is no array. */
export type ValueTest =
  | { readonly is: 'value'; readonly values: readonly Scalar[] }
  | { readonly is: 'text'; readonly operator: TextOperator; readonly texts: readonly string[] }
  | { readonly is: 'order'; readonly sign: Comparison; readonly limit: number | ExactNumber | string }
  | { readonly is: 'every'; readonly tests: readonly ValueTest[] }
  | { readonly is: 'none'; readonly tests: readonly ValueTest[] };

/** The value holds one of the texts in this way. */
export type TextOperator = 'prefix' | 'suffix' | 'contains' | 'equals-ignore-case';
export type Comparison = '<' | '<=' | '=' | '>' | '>=';

/**
 * How often an array may be gone through, at most: once for each test of its elements. Together with the size of the data this bounds the work of
 * one match. The values of a list are looked up at once, so they count as one test.
 */
export const scansOf = (tree: Pattern | Condition | ValueTest): number => {
  switch (tree.is) {
    case 'field':
      return scansOf(tree.condition);
    case 'object':
      return 1 + scansOf(tree.pattern);
    case 'element':
      return (tree.values.length > 0 ? 1 : 0) + sum(tree.tests);
    case 'all':
    case 'any':
      return sum(tree.of);
    case 'not':
      return scansOf(tree.of);
    case 'every':
    case 'none':
      return sum(tree.tests);
    case 'text':
      return tree.texts.length;
    case 'present':
    case 'absent':
    case 'value':
    case 'order':
      return 1;
  }
};

const sum = (trees: readonly (Pattern | Condition | ValueTest)[]) => trees.reduce((total, tree) => total + scansOf(tree), 0);
