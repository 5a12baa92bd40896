// What was shown stays, under the name of its own time, until the figures of the next time are there.
import { useEffect, useState } from 'react';
import type { Span } from './spans.ts';

type OfSpan<Data> = { readonly data: Data; readonly span: Span };

/**
 * @param data of the last answer, which may be of the time before
 * @param bucketsOf its figures
 */
export const useOfSpan = <Data>(
  data: Data | undefined,
  bucketsOf: (data: Data) => readonly { readonly start: string }[],
  span: Span,
): OfSpan<Data> | undefined => {
  const [kept, setKept] = useState<OfSpan<Data>>();
  const buckets = data === undefined ? [] : bucketsOf(data);
  const isOfSpan = buckets.length === span.buckets && buckets[0]?.start === span.since;
  const shown = data !== undefined && isOfSpan && kept?.data !== data ? { data, span } : kept;
  useEffect(() => setKept(shown), [shown]);
  return shown;
};
