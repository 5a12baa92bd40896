// The filter as rows: field, comparison, value. Rows say what most filters say; what they can't is edited as JSON. Pure.
import { isExactNumber, toNumber } from '../../../../src/domain/exact-number.ts';
import type { Json } from '../../api/graphql.ts';

export const comparisons = [
  { value: 'is', label: 'is one of' },
  { value: '$prefix', label: 'begins with' },
  { value: '$contains', label: 'contains' },
  { value: '$gt', label: 'is more than' },
  { value: '$lt', label: 'is less than' },
  { value: '$exists', label: 'exists' },
] as const;
export type Comparison = (typeof comparisons)[number]['value'];
export type FilterRow = { readonly field: string; readonly comparison: Comparison; readonly value: string };

/** A number, true, false and null as such; anything else is text, as is what stands in quotes. */
const valueIn = (text: string): Json => {
  const trimmed = text.trim();
  if (/^"(?:[^"\\]|\\.)*"$/.test(trimmed)) return JSON.parse(trimmed) as Json;
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(trimmed)) return toNumber(trimmed);
  return trimmed === 'true' ? true : trimmed === 'false' ? false : trimmed === 'null' ? null : trimmed;
};

const textOf = (value: Json): string =>
  typeof value === 'string' && valueIn(value) === value && !value.includes(',') ? value : JSON.stringify(value);

const patternOf = ({ comparison, value }: FilterRow): Json => {
  if (comparison === '$exists') return { $exists: value !== 'false' };
  const values = (value.match(/\s*"(?:[^"\\]|\\.)*"\s*(?=,|$)|[^,]+/g) ?? []).map((each) => valueIn(each));
  const pattern = values.length === 1 ? (values[0] ?? null) : values;
  return comparison === 'is' ? pattern : { [comparison]: pattern };
};

/** Null where there are no rows: the filter takes all. */
export const filterOf = (rows: readonly FilterRow[]): Json => {
  const full = rows.filter(({ field, value, comparison }) => field.trim() !== '' && (value.trim() !== '' || comparison === '$exists'));
  return full.length === 0 ? null : Object.fromEntries(full.map((row) => [row.field.trim(), patternOf(row)]));
};

const isScalar = (value: Json): boolean => typeof value !== 'object' || value === null || isExactNumber(value);

/** Undefined where the filter is more than rows can say. */
export const rowsOf = (filter: Json): readonly FilterRow[] | undefined => {
  if (filter === null) return [];
  if (typeof filter !== 'object' || Array.isArray(filter)) return undefined;
  const rows = Object.entries(filter).map(([field, pattern]) => rowOf(field, pattern));
  return rows.every((row) => row !== undefined) ? rows : undefined;
};

const rowOf = (field: string, pattern: Json): FilterRow | undefined => {
  if (field.startsWith('$')) return undefined;
  if (isScalar(pattern)) return { field, comparison: 'is', value: textOf(pattern) };
  if (Array.isArray(pattern))
    return pattern.every((each) => isScalar(each))
      ? { field, comparison: 'is', value: pattern.map((each) => textOf(each)).join(', ') }
      : undefined;
  const [[operator, value] = [], ...others] = Object.entries(pattern as object) as [string, Json][];
  const comparison = comparisons.find((each) => each.value === operator)?.value;
  if (comparison === undefined || others.length > 0 || value === undefined) return undefined;
  const values = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return values.every((each) => isScalar(each)) ? { field, comparison, value: values.map((each) => textOf(each)).join(', ') } : undefined;
};
