// The one WebSocket of the console. It opens with the first subscription, closes a little after the last, and connects again by itself.
import type { Client } from 'graphql-ws';
import type { SubscriptionForwarder } from '@urql/core';
import { createContext, use, useSyncExternalStore } from 'react';

/** `idle`: nobody subscribes. `lost`: it does not connect, for now or because something on the way lets no sockets through. */
export type Connection = 'idle' | 'connecting' | 'live' | 'lost';

export type Live = {
  readonly forward: SubscriptionForwarder;
  readonly connection: () => Connection;
  /** Called on every change of `connection`. @returns a function that ends it */
  readonly onChange: (listener: () => void) => () => void;
};

/** A page that changes closes its subscriptions just before the next one opens its own. */
const closeAfterMs = 3_000;
const pingEveryMs = 15_000;
const pongWithinMs = 5_000;
const longestWaitMs = 10_000;

const waitBefore = (retries: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, Math.min(longestWaitMs, 250 * 2 ** retries) * (0.5 + Math.random())));

type Become = (next: Connection) => void;

type Parameters = () => Record<string, unknown>;
type WhenReady = () => Promise<void>;

const connect = async (parameters: Parameters, whenReady: WhenReady, become: Become): Promise<Client> => {
  // Loaded with the first subscription, after the page is there.
  const { createClient } = await import('graphql-ws');
  let pongIsLate: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: async () => {
      await whenReady();
      return `${location.origin.replace(/^http/, 'ws')}/graphql`;
    },
    connectionParams: parameters,
    lazyCloseTimeout: closeAfterMs,
    keepAlive: pingEveryMs,
    connectionAckWaitTimeout: longestWaitMs,
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: waitBefore,
    shouldRetry: () => true,
    on: {
      connecting: (isRetry) => become(isRetry ? 'lost' : 'connecting'),
      connected: () => become('live'),
      closed: (event) => {
        clearTimeout(pongIsLate);
        const isOurs = event instanceof CloseEvent && event.code === 1_000;
        become(isOurs ? 'idle' : 'lost');
      },
      ping: (isReceived) => {
        // A connection that was cut off without a word looks open for minutes.
        if (!isReceived) pongIsLate = setTimeout(() => client.terminate(), pongWithinMs);
      },
      pong: (isReceived) => isReceived && clearTimeout(pongIsLate),
    },
  });
  return client;
};

/** @param parameters of `connection_init`, asked for on each connection. @param whenReady resolves once it makes sense to connect */
export const makeLive = (parameters: Parameters = () => ({}), whenReady: WhenReady = () => Promise.resolve()): Live => {
  let connection: Connection = 'idle';
  let client: Promise<Client> | undefined;
  const listeners = new Set<() => void>();
  const become = (next: Connection) => {
    if (connection === next) return;
    connection = next;
    for (const listener of listeners) listener();
  };
  const forward: SubscriptionForwarder = ({ query, variables }) => ({
    subscribe: (sink) => {
      let end: () => void = () => undefined;
      let isEnded = false;
      const begin = async () => {
        const connected = await (client ??= connect(parameters, whenReady, become));
        if (!isEnded) end = connected.subscribe({ query: query ?? '', variables: variables as Record<string, unknown> }, sink as never);
      };
      begin().catch((error: unknown) => {
        client = undefined;
        become('lost');
        sink.error(error);
      });
      return {
        unsubscribe: () => {
          isEnded = true;
          end();
        },
      };
    },
  });
  return {
    forward,
    connection: () => connection,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};

const LiveContext = createContext<Live | undefined>(undefined);
export const LiveProvider = LiveContext.Provider;
const useLive = (): Live | undefined => use(LiveContext);

const never = () => () => undefined;
/** `lost` also where there is no socket at all. */
export const useConnection = (): Connection => {
  const live = useLive();
  return useSyncExternalStore(live?.onChange ?? never, () => live?.connection() ?? 'lost');
};
