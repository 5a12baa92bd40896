// The one order of numbers in filters.

/** Negative: a is less than b; positive: a is greater; 0: equal. */
export const compareNumbers = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0);

export const isNumber = (value: unknown): value is number => typeof value === 'number';
