// One query of a page: its answer, its error, and asking again. What was shown stays while it is asked again.
import { useCallback, useRef } from 'react';
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
  { pause = false, typenames }: { readonly pause?: boolean; readonly typenames?: readonly string[] } = {},
): Asked<Data> => {
  // Without names an empty list would not know which changes concern it.
  const context = useStable({ additionalTypenames: typenames === undefined ? [] : [...typenames] });
  const [{ data, error, fetching }, execute] = useQuery<Data, Variables>({ query, variables, pause, context } as never);
  const askAgain = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute]);
  return { data, error, isLoading: data === undefined && error === undefined && (fetching || pause), askAgain };
};

/** The same object as long as its content is the same. */
const useStable = <T>(value: T): T => {
  const kept = useRef(value);
  if (JSON.stringify(kept.current) !== JSON.stringify(value)) kept.current = value;
  return kept.current;
};
