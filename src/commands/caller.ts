// Who asks: made by the API from the key that came with the request.
import type { OrganizationId, Position } from '../domain/ids.ts';
import { newId } from '../event-store/id-generation.ts';
import type { Cause } from './command-executor.ts';

export type Caller = {
  readonly organizationId: OrganizationId;
  /** `apikey:<name>` or `system:<part>`; recorded with every event. */
  readonly actor: string;
  /** One id for all that a request caused. */
  readonly correlationId: string;
  /** The id of the event that it follows from, where it is no request. */
  readonly causationId?: string;
};

/** Every request is a cause of its own. */
export const newCause = ({ actor, correlationId, causationId }: Caller): Cause => ({
  actor,
  correlationId,
  ...(causationId !== undefined && { causationId }),
  commandId: newId(),
});

/** What a command did, and the position that the views must reach to show it (undefined: it changed nothing). */
export type CommandResult = { readonly position: Position | undefined };
