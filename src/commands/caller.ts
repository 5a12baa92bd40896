// The caller of a command. The API makes it from the request's API key.
import type { ApiKeyId, OrganizationId, Position } from '../domain/ids.ts';
import { newId } from '../event-store/id-generation.ts';
import type { Cause } from './command-executor.ts';

export type Caller = {
  /** The one that the call acts for. */
  readonly organizationId: OrganizationId;
  /** PORTAL: a portal session. Left out: an API key, or a part of the system. */
  readonly kind?: 'API_KEY' | 'PORTAL';
  /** It may act for any organization. Left out: for this one only. */
  readonly spansOrganizations?: boolean;
  /** It may make organizations. Left out: it may not. */
  readonly mayCreateOrganizations?: boolean;
  /** `apikey:<name>` or `system:<part>`; recorded with every event. */
  readonly actor: string;
  /** Of the API key that acts; recorded with every event. */
  readonly actorId?: ApiKeyId;
  /** Shared by everything that one request causes. */
  readonly correlationId: string;
  /** The id of the event that caused the command, if no request did. */
  readonly causationId?: string;
};

/** Every call is a new cause, so a repeated request is a new command. */
export const newCause = ({ actor, actorId, correlationId, causationId }: Caller): Cause => ({
  actor,
  ...(actorId !== undefined && { actorId }),
  correlationId,
  ...(causationId !== undefined && { causationId }),
  commandId: newId(),
});

/** Who takes turns with others at publishing: an API key, or a part of the system, in an organization. Organizations take turns first. */
export const publisherOf = (
  { actor, actorId }: { readonly actor: string; readonly actorId?: string },
  organization: OrganizationId | typeof severalOrganizations,
): string => `${organization}/${actorId ?? actor}`;

/** In the place of an organization: the publish names several. */
export const severalOrganizations = '';

/** A publisher's organization, and its key. */
export const partsOfPublisher = (publisher: string): readonly [organization: string, key: string] => {
  const at = publisher.indexOf('/');
  return [publisher.slice(0, Math.max(at, 0)), publisher.slice(at + 1)];
};

/** The position that the views must reach to show what the command did; undefined if its stream does not exist. */
export type CommandResult = { readonly position: Position | undefined };
