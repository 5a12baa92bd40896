// The console starts here: the page's nonce, the theme, the API's client and the router.
import { nonce } from './nonce.ts';
import './library.css';
import './console.css';
import { MantineProvider } from '@mantine/core';
import { RouterProvider } from '@tanstack/react-router';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { makeClient } from './api/client.ts';
import { LiveProvider, makeLive } from './api/live.ts';
import { connectionParameters, headersFor } from './api/organization.ts';
import { TimeZoneProvider } from './components/time-zone.tsx';
import { makeRouter } from './router.tsx';
import { theme, variables } from './theme.ts';

/** What they show waits for them: the page comes first. */
const Notifications = lazy(() => import('./components/Notifications.tsx').then(({ Notifications: component }) => ({ default: component })));

const router = makeRouter();
const live = makeLive(connectionParameters);
const signIn = () => {
  const { pathname, href } = router.state.location;
  if (pathname !== '/sign-in') void router.navigate({ to: '/sign-in', search: { next: href } });
};
const client = makeClient(signIn, '/graphql', live.forward, headersFor());

createRoot(document.getElementById('console') ?? document.body).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Suspense>
        <Notifications position="bottom-right" />
      </Suspense>
      <TimeZoneProvider>
        <Provider value={client}>
          <LiveProvider value={live}>
            <RouterProvider router={router} />
          </LiveProvider>
        </Provider>
      </TimeZoneProvider>
    </MantineProvider>
  </StrictMode>,
);

void import('./more-library.css');
