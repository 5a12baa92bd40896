// The frame of the portal's pages: the organization's head, the pages as tabs, what is switched off, and what to do when the session has ended.
import { Alert, Button, Tooltip } from '@mantine/core';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { createContext, useContext, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { DeliveryIcon, EndpointIcon, EventTypeIcon, MessageIcon } from '../components/icons.tsx';
import { LinkTo } from '../components/LinkTo.tsx';
import { useTimeZone } from '../components/time-zone.tsx';
import { isEmbedded, tellEmbedder } from './embedding.ts';
import { switchedOff, type Opening } from './opening.ts';
import { PortalHeader } from './PortalHeader.tsx';
import type { PortalSession } from './session.ts';
import { whereToOpenAgain } from './Closed.tsx';

export type Opened = { readonly session: PortalSession; readonly opening: Opening };
export const OpenedContext = createContext<Opened | undefined>(undefined);

const tabs = [
  { to: '/endpoints', label: 'Endpoints', icon: <EndpointIcon /> },
  { to: '/deliveries', label: 'Deliveries', icon: <DeliveryIcon /> },
  { to: '/messages', label: 'Messages', icon: <MessageIcon /> },
  { to: '/event-types', label: 'Event types', icon: <EventTypeIcon /> },
] as const;

export const PortalFrame = () => {
  const opened = useContext(OpenedContext);
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const shownPath = useRef(path);
  useEffect(() => {
    if (shownPath.current !== path) tellEmbedder({ type: 'hookledger:navigated' });
    shownPath.current = path;
  }, [path]);
  if (opened === undefined) return null;
  const { opening, session } = opened;
  const off = switchedOff(opening);
  return (
    <div className="portal">
      <a href="#content" className="skip-link" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <PortalHeader {...opening.portalSettings} />
        <nav aria-label="Pages" className="portal-tabs">
          {tabs.map(({ to, label, icon }) => (
            <LinkTo
              key={to}
              to={to}
              underline="never"
              activeProps={{ 'aria-current': 'page' }}
              inactiveProps={{ 'aria-current': undefined }}
            >
              {icon}
              {label}
            </LinkTo>
          ))}
          <TimeZoneSwitch />
        </nav>
      </header>
      <Ended session={session} />
      <main id="content" tabIndex={-1} style={{ outline: 'none' }}>
        <Outlet />
      </main>
      {off !== undefined && <footer className="portal-footer">{off}</footer>}
    </div>
  );
};

/** The fragment is the portal's own address, so the link can't be a fragment. */
const skip = (event: { preventDefault: () => void }) => {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
};

const TimeZoneSwitch = () => {
  const { zone, setZone } = useTimeZone();
  const other = zone === 'UTC' ? 'local' : 'UTC';
  return (
    <Tooltip label={`Show times in ${other === 'UTC' ? 'UTC' : 'local time'}`}>
      <Button variant="subtle" color="gray" size="compact-sm" onClick={() => setZone(other)}>
        {zone === 'UTC' ? 'UTC' : 'Local time'}
      </Button>
    </Tooltip>
  );
};

/** The embedding page usually has the next token at once; then there is nothing to say. */
const embedderMs = isEmbedded ? 1_000 : 0;

const Ended = ({ session }: { readonly session: PortalSession }) => {
  const { hasEnded } = useSyncExternalStore(session.subscribe, session.state);
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (!hasEnded) return setShown(false);
    const timer = setTimeout(() => setShown(true), embedderMs);
    return () => clearTimeout(timer);
  }, [hasEnded]);
  if (!isShown) return null;
  return (
    <Alert color="yellow" variant="light" role="alert" title="Your session has ended" className="portal-ended">
      {isEmbedded
        ? 'What you typed is kept. The page around this one must open a new session; then you can go on.'
        : `What you typed is kept. ${whereToOpenAgain()}`}
      {isEmbedded && (
        <div>
          <Button size="xs" variant="default" mt="xs" onClick={() => tellEmbedder({ type: 'hookledger:expired' })}>
            Try again
          </Button>
        </div>
      )}
    </Alert>
  );
};
