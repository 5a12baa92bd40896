// Sends queries and mutations over HTTP, as the library's own exchange does, but numbers that a double can't hold come and go with all their digits.
import { filter, make, merge, mergeMap, pipe, takeUntil, type Source } from 'wonka';
import { makeErrorResult, makeResult, stringifyDocument, type Exchange, type Operation, type OperationResult } from 'urql';
import { parseJson } from '../../../src/domain/exact-number.ts';

export const exactFetchExchange: Exchange =
  ({ forward }) =>
  (operations) => {
    const asked = pipe(
      operations,
      filter(isAsked),
      mergeMap((operation) => {
        const isEnd = ({ kind, key }: Operation) => kind === 'teardown' && key === operation.key;
        return pipe(answerTo(operation), takeUntil(pipe(operations, filter(isEnd))));
      }),
    );
    const others = pipe(
      operations,
      filter((operation) => !isAsked(operation)),
    );
    return merge([asked, forward(others)]);
  };

const isAsked = ({ kind }: Operation): boolean => kind === 'query' || kind === 'mutation';

const answerTo = (operation: Operation): Source<OperationResult> =>
  make((observer) => {
    const ending = new AbortController();
    const run = async () => {
      const result = await ask(operation, ending.signal);
      if (ending.signal.aborted) return;
      observer.next(result);
      observer.complete();
    };
    void run();
    return () => ending.abort();
  });

const ask = async (operation: Operation, signal: AbortSignal): Promise<OperationResult> => {
  const { url, fetchOptions, fetch: send = fetch } = operation.context;
  const { headers, ...options } = (typeof fetchOptions === 'function' ? fetchOptions() : fetchOptions) ?? {};
  const sent = new Headers(headers);
  sent.set('content-type', 'application/json');
  sent.set('accept', 'application/graphql-response+json, application/json');
  let response: Response | undefined;
  try {
    response = await send(url, {
      ...options,
      method: 'POST',
      headers: sent,
      // The platform's own `JSON.stringify` writes such numbers as they were.
      body: JSON.stringify({ query: stringifyDocument(operation.query), variables: operation.variables }),
      signal,
    });
    return makeResult(operation, parseJson(await response.text()) as never, response);
  } catch (error) {
    return makeErrorResult(operation, error instanceof Error ? error : new Error(String(error)), response);
  }
};
