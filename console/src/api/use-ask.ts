// One query of a page: its answer, its error, and asking again. What was shown stays while it is asked again.
import { useCallback, useRef } from 'react';
import { useQuery, type AnyVariables, type CombinedError, type TypedDocumentNode } from 'urql';
import { useFresh } from './use-watch.ts';

export type Asked<Data> = {
  /** Of the last answer to these variables. */
  readonly data: Data | undefined;
  readonly error: CombinedError | undefined;
  /** Nothing was answered yet. */
  readonly isLoading: boolean;
  /** An answer is on its way, the first or another. */
  readonly isAsking: boolean;
  readonly askAgain: () => void;
};

type AskOptions = {
  /** Of lists that may change although their items are not in the answer. */
  readonly typenames?: readonly string[];
  /** Asked again when changes may have gone by unseen. */
  readonly isLive?: boolean;
  readonly pause?: boolean;
};

export const useAsk = <Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { typenames, isLive = false, pause = false }: AskOptions = {},
): Asked<Data> => {
  // Without names an empty list would not know which changes concern it.
  const context = useStable({ additionalTypenames: typenames === undefined ? [] : [...typenames] });
  const [{ data, error, fetching, stale }, execute] = useQuery<Data, Variables>({ query, variables, context, pause } as never);
  const askAgain = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute]);
  useFresh(askAgain, isLive && !pause);
  return { data, error, isLoading: data === undefined && error === undefined && fetching, isAsking: fetching || stale, askAgain };
};

/** The same object as long as its content is the same. */
const useStable = <T>(value: T): T => {
  const kept = useRef(value);
  if (JSON.stringify(kept.current) !== JSON.stringify(value)) kept.current = value;
  return kept.current;
};
