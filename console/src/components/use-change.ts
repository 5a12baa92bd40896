// A mutation and what follows: a sentence where it worked, the reason where it was refused.
import { notifications } from '@mantine/notifications';
import { useCallback } from 'react';
import { useMutation, type AnyVariables, type CombinedError, type TypedDocumentNode } from 'urql';
import { sentenceOf } from '../api/client.ts';

export type Changed<Data> =
  { readonly data: Data; readonly error: undefined } | { readonly data: undefined; readonly error: CombinedError };

/** @param typenames of lists that may change although their items are not in the answer */
export const useChange = <Data, Variables extends AnyVariables>(
  mutation: TypedDocumentNode<Data, Variables>,
  typenames: readonly string[],
): readonly [change: (variables: Variables) => Promise<Changed<Data>>, isChanging: boolean] => {
  const [{ fetching }, execute] = useMutation(mutation);
  const change = useCallback(
    async (variables: Variables): Promise<Changed<Data>> => {
      const { data, error } = await execute(variables, { additionalTypenames: [...typenames] });
      if (error) return { data: undefined, error };
      if (data === undefined || data === null) throw new Error('The server answered a mutation with neither data nor an error.');
      return { data, error: undefined };
    },
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the names are constants of their page
    [execute],
  );
  return [change, fetching];
};

export const say = (message: string): void => void notifications.show({ message, autoClose: 4_000 });

export const sayRefusal = (error: CombinedError): void =>
  void notifications.show({ message: sentenceOf(error), color: 'red', autoClose: 10_000, title: 'This was refused' });
