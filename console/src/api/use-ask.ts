// One query of a page: its answer, its error, and asking again. What was shown stays while it is asked again.
import { useCallback, useEffect, useRef } from 'react';
import { useQuery, type AnyVariables, type CombinedError, type TypedDocumentNode } from 'urql';

export type Asked<Data> = {
  /** Of the last answer to these variables. */
  readonly data: Data | undefined;
  readonly error: CombinedError | undefined;
  /** Nothing was answered yet. */
  readonly isLoading: boolean;
  readonly askAgain: () => void;
};

export const useAsk = <Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { typenames, pollMs }: { readonly typenames?: readonly string[]; readonly pollMs?: number } = {},
): Asked<Data> => {
  // Without names an empty list would not know which changes concern it.
  const context = useStable({ additionalTypenames: typenames === undefined ? [] : [...typenames] });
  const [{ data, error, fetching }, execute] = useQuery<Data, Variables>({ query, variables, context } as never);
  const askAgain = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute]);
  useEffect(() => {
    if (pollMs === undefined) return undefined;
    const timer = setInterval(() => document.hidden || execute({ requestPolicy: 'network-only' }), pollMs);
    return () => clearInterval(timer);
  }, [execute, pollMs]);
  return { data, error, isLoading: data === undefined && error === undefined && fetching, askAgain };
};

/** The same object as long as its content is the same. */
const useStable = <T>(value: T): T => {
  const kept = useRef(value);
  if (JSON.stringify(kept.current) !== JSON.stringify(value)) kept.current = value;
  return kept.current;
};
