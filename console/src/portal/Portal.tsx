// The portal: asks what the session may and how it looks, and shows the console's pages in that frame. A renewed token changes nothing on the page; one of
// another organization, or with other rights, begins it again.
import { MantineProvider } from '@mantine/core';
import { RouterProvider } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { Provider, type CombinedError } from 'urql';
import { makePortalClient } from '../api/client.ts';
import { LiveProvider, makeLive } from '../api/live.ts';
import { RightsContext, type Rights } from '../api/rights.ts';
import { AppName } from '../components/app-name.ts';
import { Failure } from '../components/states.tsx';
import { TimeZoneProvider } from '../components/time-zone.tsx';
import { nonce } from '../nonce.ts';
import { Closed } from './Closed.tsx';
import type { Theme } from './embedding.ts';
import { forcedScheme, schemeManager, themeWith, variablesWith } from './look.ts';
import { identityOf, openingQuery, type Opening } from './opening.ts';
import { OpenedContext } from './PortalFrame.tsx';
import type { makePortalRouter } from './router.ts';
import type { PortalSession } from './session.ts';

/** What they show waits for them: the page comes first. */
const Notifications = lazy(() =>
  import('../components/Notifications.tsx').then(({ Notifications: component }) => ({ default: component })),
);

type Asked = { readonly opening?: Opening; readonly error?: CombinedError };

const useOpening = (session: PortalSession): Asked & { readonly askAgain: () => void } => {
  const { token } = useSyncExternalStore(session.subscribe, session.state);
  const [asked, setAsked] = useState<Asked>({});
  const [round, setRound] = useState(0);
  const client = useMemo(() => makePortalClient(session.fetch), [session]);
  useEffect(() => {
    if (token === undefined) return undefined;
    let isCurrent = true;
    const ask = async () => {
      const { data, error } = await client.query(openingQuery, {}, { requestPolicy: 'network-only' }).toPromise();
      if (!isCurrent) return;
      if (data?.me.expiresAt) session.endAt(token, data.me.expiresAt);
      setAsked((before) => (data ? { opening: data } : before.opening ? before : error ? { error } : {}));
    };
    void ask();
    return () => void (isCurrent = false);
  }, [client, session, token, round]);
  return { ...asked, askAgain: () => setRound((before) => before + 1) };
};

const rightsOf = ({ me: { capabilities, endpointIds } }: Opening): Rights => {
  const may: Rights['may'] = (capability) => capabilities.includes(capability);
  return { isPortal: true, may, mayMakeEndpoints: may('MANAGE_ENDPOINTS') && endpointIds === null };
};

type Props = {
  readonly session: PortalSession;
  readonly router: ReturnType<typeof makePortalRouter>;
  /** Of the embedding page. */
  readonly askedTheme: { readonly subscribe: (listener: () => void) => () => void; readonly get: () => Theme | undefined };
};

export const Portal = ({ session, router, askedTheme }: Props) => {
  const { opening, error, askAgain } = useOpening(session);
  const theme = useSyncExternalStore(askedTheme.subscribe, askedTheme.get);
  const { primaryColor = null, colorScheme = 'AUTO' } = opening?.portalSettings ?? {};
  const scheme = forcedScheme(theme, colorScheme);
  const look = useMemo(() => ({ theme: themeWith(primaryColor), cssVariablesResolver: variablesWith(primaryColor) }), [primaryColor]);
  return (
    <MantineProvider
      {...look}
      defaultColorScheme="auto"
      colorSchemeManager={schemeManager}
      getStyleNonce={() => nonce}
      {...(scheme !== undefined && { forceColorScheme: scheme })}
    >
      <Suspense>
        <Notifications />
      </Suspense>
      {opening === undefined ? (
        error ? (
          <Failure error={error} onRetry={askAgain} />
        ) : (
          <Closed />
        )
      ) : (
        <OpenPortal key={identityOf(opening)} session={session} opening={opening} router={router} />
      )}
    </MantineProvider>
  );
};

const OpenPortal = ({ session, opening, router }: { readonly opening: Opening } & Pick<Props, 'session' | 'router'>) => {
  const live = useMemo(() => makeLive(() => ({ authorization: `Bearer ${session.state().token ?? ''}` }), session.whenOpen), [session]);
  const client = useMemo(() => makePortalClient(session.fetch, live.forward), [session, live]);
  const opened = useMemo(() => ({ session, opening }), [session, opening]);
  const rights = useMemo(() => rightsOf(opening), [opening]);
  return (
    <AppName value={opening.portalSettings.name}>
      <RightsContext value={rights}>
        <OpenedContext value={opened}>
          <TimeZoneProvider>
            <Provider value={client}>
              <LiveProvider value={live}>
                {/* The registered type is the console's router, of whose routes these are some. */}
                <RouterProvider router={router as never} />
              </LiveProvider>
            </Provider>
          </TimeZoneProvider>
        </OpenedContext>
      </RightsContext>
    </AppName>
  );
};
