// What somebody is told whose change was made on an older revision of the endpoint: who has changed what since.
import { conflict, type DomainError } from '../../../domain/errors.ts';
import { fieldChanges } from '../../../domain/endpoint-changes.ts';
import type { EndpointEvent } from '../../../domain/endpoint-events.ts';
import { endpoint } from '../../../domain/endpoint.ts';
import type { AuthenticatedCaller } from '../../auth/authentication.ts';
import { shownActor } from '../visibility.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';

/** More than these are counted only. */
const mostNamed = 5;

/** @param events all of the endpoint @param expected the revision that the caller saw */
export const editConflict = (
  events: readonly RecordedEvent<EndpointEvent>[],
  expected: number,
  caller: AuthenticatedCaller,
): DomainError => {
  const actual = events.at(-1)?.revision ?? 0;
  if (expected > actual)
    return conflict(`The endpoint has no revision ${expected} yet; it is at ${actual}. Read it again.`, 'expectedRevision');
  const changes: string[] = [];
  let state = endpoint.initial;
  for (const event of events) {
    const before = state;
    state = endpoint.evolve(state, event);
    if (event.revision <= expected) continue;
    const fields = fieldChanges(before, state).map(({ field }) => `\`${field}\``);
    changes.push(`${shownActor(event.metadata.actor, caller)} changed ${fields.join(' and ') || 'nothing'} at ${event.recordedAt}`);
  }
  const named = changes.slice(0, mostNamed).join('; ');
  const more = changes.length > mostNamed ? `; and ${changes.length - mostNamed} more changes` : '';
  return conflict(
    `The endpoint has changed since revision ${expected}: ${named}${more}. Read it again, and send your change with \`expectedRevision\` ${actual}.`,
    'expectedRevision',
  );
};
