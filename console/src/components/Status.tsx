// The status of an endpoint, its health, and the status of a delivery: an icon and a word each, so that colour says nothing alone.
import { Badge } from '@mantine/core';
import type { ReactNode } from 'react';
import { deliveryStatusLabel, type DeliveryStatusName } from './delivery-words.ts';
import { AlertIcon, CheckIcon, ClockIcon, CrossIcon, PauseIcon, RetryIcon, StopIcon } from './icons.tsx';

type Look = { readonly label: string; readonly color: string; readonly icon: ReactNode };

const Mark = ({ label, color, icon }: Look) => (
  <Badge variant="light" color={color} leftSection={icon} className={`mark mark-${color}`} tt="none" fw={500} size="lg" radius="sm">
    {label}
  </Badge>
);

const endpointLooks = {
  ENABLED: { label: 'Active', color: 'teal', icon: <CheckIcon size={14} /> },
  PAUSED: { label: 'Paused', color: 'yellow', icon: <PauseIcon size={14} /> },
  DISABLED: { label: 'Disabled', color: 'gray', icon: <StopIcon size={14} /> },
} as const;
export type EndpointStatusName = keyof typeof endpointLooks;

export const EndpointStatus = ({ status }: { readonly status: EndpointStatusName }) => <Mark {...endpointLooks[status]} />;

const healthLooks = {
  FAILING: { label: 'Failing', color: 'orange', icon: <AlertIcon size={14} /> },
  OPEN: { label: 'Circuit open', color: 'red', icon: <AlertIcon size={14} /> },
} as const;

/** Beside the status; a healthy endpoint needs no word. */
export const Health = ({ state }: { readonly state: 'HEALTHY' | 'FAILING' | 'OPEN' }) =>
  state === 'HEALTHY' ? null : <Mark {...healthLooks[state]} />;

const deliveryLooks = {
  PENDING: { color: 'blue', icon: <ClockIcon size={14} /> },
  RETRYING: { color: 'orange', icon: <RetryIcon size={14} /> },
  HELD: { color: 'yellow', icon: <PauseIcon size={14} /> },
  SUCCEEDED: { color: 'teal', icon: <CheckIcon size={14} /> },
  FAILED: { color: 'red', icon: <CrossIcon size={14} /> },
  CANCELLED: { color: 'gray', icon: <StopIcon size={14} /> },
} as const;

export const DeliveryStatus = ({ status }: { readonly status: DeliveryStatusName }) => (
  <Mark label={deliveryStatusLabel(status)} {...deliveryLooks[status]} />
);

const organizationLooks = {
  ACTIVE: { label: 'Active', color: 'teal', icon: <CheckIcon size={14} /> },
  SUSPENDED: { label: 'Suspended', color: 'yellow', icon: <PauseIcon size={14} /> },
} as const;

export const OrganizationStatus = ({ status }: { readonly status: keyof typeof organizationLooks }) => (
  <Mark {...organizationLooks[status]} />
);

/** As the server names them; one that it does not name yet is shown by its name. */
const consumerLooks: Readonly<Record<string, Look>> = {
  live: { label: 'Live', color: 'teal', icon: <CheckIcon size={14} /> },
  starting: { label: 'Starting', color: 'blue', icon: <ClockIcon size={14} /> },
  'catching-up': { label: 'Catching up', color: 'blue', icon: <ClockIcon size={14} /> },
  elsewhere: { label: 'In another process', color: 'gray', icon: <CheckIcon size={14} /> },
  superseded: { label: 'Replaced', color: 'gray', icon: <StopIcon size={14} /> },
  stopped: { label: 'Stopped', color: 'red', icon: <CrossIcon size={14} /> },
};

export const ConsumerState = ({ state, hasProblem }: { readonly state: string; readonly hasProblem: boolean }) => {
  const look = consumerLooks[state] ?? { label: state, color: 'gray', icon: <ClockIcon size={14} /> };
  return <Mark {...look} {...(hasProblem && { color: 'red', icon: <AlertIcon size={14} /> })} />;
};
