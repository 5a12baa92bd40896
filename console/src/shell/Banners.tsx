// What every page must say when it is so: the organization is suspended or can't be shown, the views lag or are rebuilt, the connection is gone.
import { Alert, Anchor } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { useDocumentVisibility } from '@mantine/hooks';
import { useQuery } from 'urql';
import { graphql, type ResultOf } from '../api/graphql.ts';
import { useConnection } from '../api/live.ts';
import { addressFor, organization } from '../api/organization.ts';
import { useCaller } from '../api/use-caller.ts';
import { AlertIcon, ClockIcon, PauseIcon, RetryIcon } from '../components/icons.tsx';
import { bannersOf } from './banner-texts.ts';

const standingQuery = graphql(`
  query Standing {
    organization {
      id
      name
      status
      suspendedReason
    }
    system {
      consumers {
        name
        state
        lagSeconds
        error
      }
    }
  }
`);
export type Standing = ResultOf<typeof standingQuery>;

const everyMs = 10_000;
/** A connection that is back sooner was never missed. */
const lostAfterMs = 3_000;

const icons = { suspended: <PauseIcon />, rebuilding: <RetryIcon />, lagging: <ClockIcon />, reconnecting: <AlertIcon /> } as const;

export const Banners = () => {
  const isVisible = useDocumentVisibility() === 'visible';
  const [{ data, error }, execute] = useQuery({ query: standingQuery });
  const isLost = useLasting(useConnection() === 'lost');
  const mayAdminister = useCaller()?.role === 'ADMIN';
  useEffect(() => {
    if (!isVisible) return undefined;
    const timer = setInterval(() => execute({ requestPolicy: 'network-only' }), everyMs);
    return () => clearInterval(timer);
  }, [execute, isVisible]);
  const isRefused = data === undefined && error !== undefined && error.graphQLErrors.length > 0 && organization !== undefined;
  return (
    <div className="banners">
      {isRefused && (
        <Banner color="red" icon={<AlertIcon />}>
          This key can’t show the organization “{organization}”: there is none, or the key belongs to another one.{' '}
          <Anchor inherit c="inherit" underline="always" href={addressFor(undefined)}>
            Go to your key’s own organization
          </Anchor>
        </Banner>
      )}
      {bannersOf(data, isLost).map(({ kind, text }) => (
        <Banner key={kind} color={kind === 'reconnecting' ? 'gray' : 'yellow'} icon={icons[kind]}>
          {text}{' '}
          {kind === 'suspended' && mayAdminister && (
            <Anchor inherit c="inherit" underline="always" href={addressFor(organization, '/organizations')}>
              Go to the organizations
            </Anchor>
          )}
        </Banner>
      ))}
    </div>
  );
};

const Banner = ({ color, icon, children }: { readonly color: string; readonly icon: ReactNode; readonly children: ReactNode }) => (
  <Alert color={color} variant="light" icon={icon} radius={0} py="xs" role="status" className={`banner banner-${color}`}>
    {children}
  </Alert>
);

/** Whether it has been so for a while. */
const useLasting = (is: boolean): boolean => {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    if (!is) return setLasts(false);
    const timer = setTimeout(() => setLasts(true), lostAfterMs);
    return () => clearTimeout(timer);
  }, [is]);
  return is && lasts;
};
