// Who may call a handler: API keys by their role, portal sessions by a capability. Every handler says so; the guard refuses what says nothing, and the
// start refuses it before that. Which fields of an answer portal sessions see is in portal-fields.ts.
import { SetMetadata } from '@nestjs/common';
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { PortalCapability } from '../../domain/portal-capability.ts';

const rolesKey = 'hookledger:access';
const portalKey = 'hookledger:portal-access';

export type Access = 'public' | readonly ApiKeyRole[];

/** Admins may do everything, so every list begins with them. */
export const Allow = (...roles: readonly ['ADMIN', ...ApiKeyRole[]]) => SetMetadata(rolesKey, roles);

/** Reading: everyone but publishers. */
export const AllowReaders = () => Allow('ADMIN', 'OPERATOR', 'VIEWER', 'AUDITOR');

/** Reading the log itself, and how endpoints came to be as they are. */
export const AllowHistory = () => Allow('ADMIN', 'OPERATOR', 'AUDITOR');

/** Running endpoints, deliveries, replays, sources and event types. */
export const AllowOperators = () => Allow('ADMIN', 'OPERATOR');

/** No key is asked for. */
export const Public = () => SetMetadata(rolesKey, 'public' satisfies Access);

export const accessOf = (handler: object): Access | undefined => Reflect.getMetadata(rolesKey, handler) as Access | undefined;

const installationKey = 'hookledger:installation-access';

/** About the whole installation: only for keys that span it, and keys of the organization `default`. */
export const OfInstallation = () => SetMetadata(installationKey, true);

export const isOfInstallation = (handler: object): boolean => Reflect.getMetadata(installationKey, handler) === true;

/** VIEW: every portal session. */
export type PortalRight = 'VIEW' | PortalCapability;

/**
 * An argument that names something which the session must see, or several: its dotted path, such as `filter.endpointId`.
 * `isOptional`: without it, the session is answered what it sees.
 */
export type NamedSubject = {
  readonly argument: string;
  readonly is: 'endpoint' | 'message' | 'message by client id' | 'delivery' | 'bulk retry';
  readonly isOptional?: true;
};

/**
 * What holds for sessions that see only some endpoints.
 * FILTERED: they are answered what they see. REFUSED: it is about more than single endpoints.
 */
export type PortalBounds = 'FILTERED' | 'REFUSED' | NamedSubject | readonly NamedSubject[];

export type PortalAccess = { readonly rights: readonly PortalRight[]; readonly bounds: PortalBounds };

/** Portal sessions with this right, or with all of these, may call it as well. Without this, none may. */
export const AllowPortal = (right: PortalRight | readonly PortalRight[], bounds: PortalBounds) =>
  SetMetadata(portalKey, { rights: [right].flat(), bounds } satisfies PortalAccess);

export const portalAccessOf = (handler: object): PortalAccess | undefined =>
  Reflect.getMetadata(portalKey, handler) as PortalAccess | undefined;
