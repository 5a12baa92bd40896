// Watching: a subscription for as long as its page is shown and its tab is visible; and asking again for what may have changed unseen.
import { useDocumentVisibility } from '@mantine/hooks';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { useClient, type AnyVariables, type TypedDocumentNode } from 'urql';
import { useConnection } from './live.ts';

const againAfterMs = 10_000;

/** @param variables undefined: not yet. @param onData called with each answer */
export const useWatch = <Data, Variables extends AnyVariables>(
  subscription: TypedDocumentNode<Data, Variables>,
  variables: Variables | undefined,
  onData: (data: Data) => void,
): void => {
  const client = useClient();
  const isVisible = useDocumentVisibility() === 'visible';
  const [failures, setFailures] = useState(0);
  const take = useEffectEvent(onData);
  const key = JSON.stringify(variables);
  useEffect(() => {
    if (!isVisible || key === undefined) return undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const watching = client.subscription(subscription, JSON.parse(key) as Variables).subscribe(({ data, error }) => {
      if (data !== undefined && data !== null) take(data);
      // The server ended it with a reason, such as too many.
      if (error) again = setTimeout(() => setFailures((before) => before + 1), againAfterMs);
    });
    return () => {
      clearTimeout(again);
      watching.unsubscribe();
    };
  }, [client, subscription, key, isVisible, failures]);
};

/** Asks again once the socket is connected, once the tab is seen again, and every 10 s while there is no socket. */
export const useFresh = (askAgain: () => void, isWanted: boolean): void => {
  const isVisible = useDocumentVisibility() === 'visible';
  const isLive = useConnection() === 'live';
  const ask = useEffectEvent(askAgain);
  const wasHidden = useRef(false);
  useEffect(() => {
    if (isWanted && isVisible && wasHidden.current) ask();
    wasHidden.current = !isVisible;
  }, [isWanted, isVisible]);
  const wasLive = useRef(isLive);
  useEffect(() => {
    if (isWanted && isLive && !wasLive.current) ask();
    wasLive.current = isLive;
  }, [isWanted, isLive]);
  useEffect(() => {
    if (!isWanted || isLive || !isVisible) return undefined;
    const timer = setInterval(() => ask(), againAfterMs);
    return () => clearInterval(timer);
  }, [isWanted, isLive, isVisible]);
};
