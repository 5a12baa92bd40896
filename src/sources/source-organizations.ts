// The organizations that events of a source name: which one a message is for, and making those that do not exist yet.
import type { CommandBus } from '@nestjs/cqrs';
import type { Caller } from '../commands/caller.ts';
import { CreateOrganization } from '../commands/organization-lifecycle.ts';
import { parseStrictJson } from '../commands/strict-json.ts';
import { DomainError } from '../domain/errors.ts';
import { isExactNumber } from '../domain/exact-number.ts';
import { parseFieldPath } from '../domain/filter/field-path.ts';
import { asOrganizationId, type OrganizationId } from '../domain/ids.ts';
import { isJsonObject, type Json } from '../domain/json.ts';
import { organizationIdSyntax } from '../domain/organization.ts';
import { streamPrefixOf, type SourceSettings } from '../domain/source.ts';
import type { ForeignEvent } from '../event-store/foreign-events.ts';
import type { Arrivals } from '../read-models/directory/arrivals.ts';
import { shorten } from './source-message.ts';

/** The organization that an event names, or the reason to skip the event. Call it for an event that became a message: its data is JSON. */
export const organizationOf = (
  { stream, data }: Pick<ForeignEvent, 'stream' | 'data'>,
  { organizationFrom, streams }: SourceSettings,
): { readonly id: OrganizationId } | { readonly reason: string } => {
  const field = organizationFrom?.field ?? null;
  const named =
    field === null ? stream.slice(streamPrefixOf(streams).length) : valueAt(parseStrictJson(Buffer.from(data ?? 'null')), field);
  const id = typeof named === 'number' || isExactNumber(named) ? JSON.stringify(named) : named;
  const where = field === null ? 'The name of its stream' : `Its field "${shorten(field, 100)}"`;
  if (typeof id !== 'string') return { reason: `${where} is no text, and names no organization.` };
  if (organizationIdSyntax.test(id)) return { id: asOrganizationId(id) };
  return { reason: `${where} gives ${JSON.stringify(shorten(id, 100))}, which can't be the id of an organization.` };
};

const valueAt = (data: Json, field: string): Json | undefined => {
  const names = parseFieldPath(field);
  let value: Json | undefined = data;
  if ('wrong' in names) return undefined; // it was checked when the source was set
  for (const name of names) value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
};

export class SourceOrganizations {
  constructor(
    private readonly arrivals: Pick<Arrivals, 'organization'>,
    private readonly commands: Pick<CommandBus, 'execute'>,
  ) {}

  /** @returns the reason why nothing can be published for it; undefined: it exists @throws DomainError, and as `Arrivals.organization` */
  async problem(id: OrganizationId, { createOrganizations }: SourceSettings, caller: Caller): Promise<string | undefined> {
    if (await this.arrivals.organization(id)) return undefined;
    if (!createOrganizations) return `There is no organization "${id}".`;
    try {
      await this.commands.execute(new CreateOrganization(caller, id, { name: id }));
    } catch (error) {
      // Somebody else has just made it, or deleted it.
      if (!(error instanceof DomainError)) throw error;
    }
    return (await this.arrivals.organization(id))
      ? undefined
      : `There is no organization "${id}" any more, and its id is never used again.`;
  }
}
