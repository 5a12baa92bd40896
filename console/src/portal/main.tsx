// The portal starts here: it takes the token out of the address, or asks the embedding page for one.
import '../nonce.ts';
import '../library.css';
import '../console.css';
import './portal.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { isEmbedded, listenToEmbedder, tellEmbedder, tellHeight, type Theme } from './embedding.ts';
import { Portal } from './Portal.tsx';
import { makePortalRouter } from './router.ts';
import { PortalSession } from './session.ts';

const session = new PortalSession();
const router = makePortalRouter((token) => session.take(token));

let theme: Theme | undefined;
const themeListeners = new Set<() => void>();
const askedTheme = {
  get: () => theme,
  subscribe: (listener: () => void) => {
    themeListeners.add(listener);
    return () => themeListeners.delete(listener);
  },
};

listenToEmbedder({
  onToken: (token) => session.take(token),
  onTheme: (asked) => {
    theme = asked;
    for (const listener of themeListeners) listener();
  },
});
tellEmbedder({ type: 'hookledger:ready' });
if (session.state().token === undefined) tellEmbedder({ type: 'hookledger:expired' });

const root = document.getElementById('portal') ?? document.body;
document.documentElement.classList.toggle('is-embedded', isEmbedded);
tellHeight(root);
createRoot(root).render(
  <StrictMode>
    <Portal session={session} router={router} askedTheme={askedTheme} />
  </StrictMode>,
);

void import('../more-library.css');
