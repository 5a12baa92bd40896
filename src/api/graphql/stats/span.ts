// From when until when figures are asked for.
import { badInput } from '../../../domain/errors.ts';
import { toDate } from '../scalars.ts';

/** @param until left out: now @throws DomainError BAD_USER_INPUT */
export const parseSpan = (since: string, until: string | null | undefined): { readonly since: Date; readonly until: Date } => {
  const span = { since: new Date(since), until: toDate(until) ?? new Date() };
  if (span.until <= span.since)
    throw badInput('until', `\`until\` (${span.until.toISOString()}) is not after \`since\` (${span.since.toISOString()}).`);
  return span;
};
