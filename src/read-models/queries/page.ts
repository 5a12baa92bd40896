// Keyset pages: a cursor names the last row seen, so pages stay complete while rows arrive.
import { badInput } from '../../domain/errors.ts';
import { isGiven } from './optional.ts';
import { asPosition, type Position } from '../../domain/ids.ts';

export type PageRequest = {
  /** The most rows to return. The API checks the bounds. */
  readonly first: number;
  /** The cursor of the last row seen. Left out: the first page. */
  readonly after?: string | null | undefined;
};

export type Page<T> = {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly hasNextPage: boolean;
  /** A cursor was given: rows were seen before it. */
  readonly hasPreviousPage: boolean;
  readonly endCursor: string | null;
};

export const cursorOf = (key: string | number) => Buffer.from(String(key)).toString('base64url');

/** @throws DomainError BAD_USER_INPUT for anything but a cursor made here */
export const keyOf = (after: string | null | undefined): string | undefined => {
  if (after === null || after === undefined) return undefined;
  const key = Buffer.from(after, 'base64url').toString();
  if (!/^[0-9A-Za-z.:_-]{1,4000}$/.test(key) || cursorOf(key) !== after)
    throw badInput('after', 'This is not a cursor; give the `endCursor` of the previous page, or leave it out to start at the beginning.');
  return key;
};

export const otherList = () => badInput('after', 'This cursor belongs to another list, or to another order of this one; begin without it.');

/** As `keyOf`, for lists ordered by a position. */
export const positionKeyOf = (after: string | null | undefined): Position | undefined => {
  const key = keyOf(after);
  return key === undefined ? undefined : asPosition(key);
};

/** As `keyOf`, for lists ordered by a number. */
export const sequenceKeyOf = (after: string | null | undefined): number | undefined => {
  const key = keyOf(after);
  if (key !== undefined && !/^\d{1,16}$/.test(key)) throw otherList();
  return key === undefined ? undefined : Number(key);
};

/** @param rows up to `first` + 1 rows: one more than asked for tells that there is a next page */
export const pageOf = <R, T>(
  rows: readonly R[],
  { first, after }: PageRequest,
  keyOf: (row: R) => string | number,
  view: (row: R) => T,
): Page<T> => {
  const edges = rows.slice(0, first).map((row) => ({ cursor: cursorOf(keyOf(row)), node: view(row) }));
  return { edges, hasNextPage: rows.length > first, hasPreviousPage: isGiven(after), endCursor: edges.at(-1)?.cursor ?? null };
};
