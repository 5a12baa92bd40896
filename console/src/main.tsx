// The console starts here: the page's nonce, the theme, the API's client and the router.
import { nonce } from './nonce.ts';
import './library.css';
import '@mantine/notifications/styles.css';
import './console.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { makeClient } from './api/client.ts';
import { LiveProvider, makeLive } from './api/live.ts';
import { TimeZoneProvider } from './components/time-zone.tsx';
import { makeRouter } from './router.tsx';
import { theme, variables } from './theme.ts';

const router = makeRouter();
const live = makeLive();
const signIn = () => {
  const { pathname, href } = router.state.location;
  if (pathname !== '/sign-in') void router.navigate({ to: '/sign-in', search: { next: href } });
};
const client = makeClient(signIn, '/graphql', live.forward);

createRoot(document.getElementById('console') ?? document.body).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Notifications position="bottom-right" />
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
