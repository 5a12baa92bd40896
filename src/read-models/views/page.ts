// Pages by keyset: a cursor names the last row seen, so that pages stay complete while rows arrive.
import { badInput } from '../../domain/errors.ts';

export type PageRequest = {
  /** How many at most; the API sees to the bounds. */
  readonly first: number;
  /** The cursor of the last row seen; left out: from the start. */
  readonly after?: string | null | undefined;
};

export type Page<T> = {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly hasNextPage: boolean;
  readonly endCursor: string | null;
};

export const cursorOf = (key: string | number) => Buffer.from(String(key)).toString('base64url');

/** @throws DomainError BAD_USER_INPUT when it is no cursor of ours. */
export const keyOf = (after: string | null | undefined): string | undefined => {
  if (after === null || after === undefined) return undefined;
  const key = Buffer.from(after, 'base64url').toString();
  if (!/^[0-9A-Za-z.:_-]{1,100}$/.test(key) || cursorOf(key) !== after)
    throw badInput('after', 'This is not a cursor; give the `endCursor` of the page before, or leave it out to begin at the start.');
  return key;
};

/** As `keyOf`, for rows that are ordered by a number. */
export const sequenceOf = (after: string | null | undefined): number | undefined => {
  const key = keyOf(after);
  if (key !== undefined && !/^\d{1,16}$/.test(key)) throw badInput('after', 'This cursor is of another list.');
  return key === undefined ? undefined : Number(key);
};

/** @param rows one more than was asked for, where there is one */
export const pageOf = <R, T>(rows: readonly R[], first: number, keyOf: (row: R) => string | number, view: (row: R) => T): Page<T> => {
  const edges = rows.slice(0, first).map((row) => ({ cursor: cursorOf(keyOf(row)), node: view(row) }));
  return { edges, hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null };
};
