// The GraphQL client. The session's cookie stands for the API key; an answer that says it has ended leads to the sign-in.
import type { SubscriptionForwarder } from '@urql/core';
import { cacheExchange, Client, mapExchange, subscriptionExchange, type CombinedError } from 'urql';
import { exactFetchExchange } from './exact-fetch.ts';

/**
 * @param onSignedOut called when the server no longer knows the session
 * @param forward carries the subscriptions
 * @param headers of each request; without the first one the session does not count
 */
export const makeClient = (
  onSignedOut: () => void,
  url = '/graphql',
  forward?: SubscriptionForwarder,
  headers: Readonly<Record<string, string>> = { 'x-hookledger-console': '1' },
): Client =>
  new Client({
    url,
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetchOptions: { credentials: 'same-origin', headers },
    exchanges: [
      mapExchange({
        onError: (error) => {
          if (codeOf(error) === 'UNAUTHENTICATED') onSignedOut();
        },
      }),
      cacheExchange,
      exactFetchExchange,
      ...subscriptionsBy(forward),
    ],
  });

/** @param fetchWithToken sends the session's token, and waits for the next one where it has ended. @param forward carries the subscriptions */
export const makePortalClient = (fetchWithToken: typeof fetch, forward?: SubscriptionForwarder): Client =>
  new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'cache-and-network',
    fetch: fetchWithToken,
    exchanges: [cacheExchange, exactFetchExchange, ...subscriptionsBy(forward)],
  });

const subscriptionsBy = (forward: SubscriptionForwarder | undefined) =>
  forward === undefined ? [] : [subscriptionExchange({ forwardSubscription: forward })];

/** `extensions.code` of the first error. */
export const codeOf = ({ graphQLErrors }: CombinedError): string | undefined => {
  const code = graphQLErrors[0]?.extensions['code'];
  return typeof code === 'string' ? code : undefined;
};

export type Issue = { readonly path: string; readonly message: string };

/** What is wrong with which field of the input. */
export const issuesOf = ({ graphQLErrors }: CombinedError): readonly Issue[] => {
  const issues = graphQLErrors[0]?.extensions['issues'];
  return Array.isArray(issues) ? issues.filter(isIssue) : [];
};

const isIssue = (value: unknown): value is Issue =>
  typeof value === 'object' && value !== null && 'path' in value && 'message' in value && typeof value.path === 'string';

export const requestIdOf = ({ graphQLErrors }: CombinedError): string | undefined => {
  const id = graphQLErrors[0]?.extensions['requestId'];
  return typeof id === 'string' ? id : undefined;
};

/** One sentence for a person. */
export const sentenceOf = (error: CombinedError): string =>
  error.graphQLErrors[0]?.message ?? 'The server did not answer. Check your connection, and whether it runs.';
