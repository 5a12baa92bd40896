// The guard in front of every handler, REST and GraphQL: it denies unless the handler says who may, and the caller is one of them.
import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { defaultOrganization } from '../../domain/organization.ts';
import { asBulkRetryId, asDeliveryId, asEndpointId, asMessageId, type MessageId } from '../../domain/ids.ts';
import { messageIdOf } from '../../event-store/id-generation.ts';
import { isJsonObject, type Json } from '../../domain/json.ts';
import type { ApiContext } from '../graphql/context.ts';
import { seesBulkRetry, seesDelivery, seesEndpoint, seesMessage, visibleEndpoints } from '../graphql/visibility.ts';
import { Refusal } from '../refusal.ts';
import { READ_ONLY } from '../tokens.ts';
import { accessOf, isOfInstallation, portalAccessOf, type NamedSubject, type PortalAccess } from './access.ts';
import { organizationHeader } from './acting-organization.ts';
import { Authentication, coversInstallation, type AuthenticatedCaller, type PortalCaller } from './authentication.ts';

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authentication: Authentication,
    @Optional() @Inject(READ_ONLY) private readonly readOnly?: string,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (this.readOnly !== undefined && changes(context)) throw new Refusal('FORBIDDEN', this.readOnly);
    const access = accessOf(context.getHandler());
    if (access === 'public') return true;
    const caller = this.callerOf(context);
    if (caller.kind === 'PORTAL') return this.admitPortal(caller, portalAccessOf(context.getHandler()), context);
    if (isOfInstallation(context.getHandler()) && !coversInstallation(caller))
      throw new Refusal(
        'FORBIDDEN',
        `This is about the whole installation; it needs a key of the organization \`${defaultOrganization}\`.`,
      );
    if (access?.includes(caller.role)) return true;
    const needed = access ? `This needs an API key with the role ${listOf(access)}` : 'Nobody may call this';
    throw new Refusal('FORBIDDEN', `${needed}; yours has the role ${caller.role}.`);
  }

  private callerOf(context: ExecutionContext): AuthenticatedCaller {
    if (context.getType<string>() === 'graphql') return context.getArgByIndex<ApiContext>(2).caller;
    const request = context.getArgByIndex<FastifyRequest>(0);
    return (request.caller ??= this.authentication.authenticate(
      request.headers.authorization,
      request.id,
      request.headers[organizationHeader],
    ));
  }

  private admitPortal(caller: PortalCaller, access: PortalAccess | undefined, context: ExecutionContext): boolean | Promise<boolean> {
    if (!access) throw new Refusal('FORBIDDEN', 'This needs an API key; portal sessions may not call it.');
    const { rights, bounds } = access;
    const lacking = rights.find((right) => right !== 'VIEW' && !caller.capabilities.includes(right));
    if (lacking !== undefined) throw new Refusal('FORBIDDEN', `This needs a portal session with ${lacking}; yours is without it.`);
    if (bounds === 'FILTERED') return true;
    if (bounds === 'REFUSED') {
      if (visibleEndpoints(caller) === undefined) return true;
      throw new Refusal('FORBIDDEN', 'This needs a portal session for all endpoints; yours is for some of them.');
    }
    return requireAllSeen([bounds].flat(), context.getArgByIndex<Json>(1), context.getArgByIndex<ApiContext>(2));
  }
}

const requireAllSeen = async (subjects: readonly NamedSubject[], args: Json, context: ApiContext): Promise<boolean> => {
  for (const subject of subjects) await requireSeen(subject, args, context);
  return true;
};

const requireSeen = async ({ argument, is, isOptional }: NamedSubject, args: Json, context: ApiContext): Promise<void> => {
  const ids = idsAt(args, argument);
  if (ids.length === 0 && !isOptional && visibleEndpoints(context.caller) !== undefined) {
    const message = 'Name one of the endpoints of your portal session; it is for some of them only.';
    throw new Refusal('BAD_USER_INPUT', message, { issues: [{ path: argument, message }] });
  }
  for (const id of ids) if (!(await isSeen[is](id, context))) throw notFound[is](id);
};

const isSeenMessage = async (id: MessageId, context: ApiContext): Promise<boolean> => {
  const message = await context.loaders.message.load(id);
  return message !== undefined && seesMessage(context, message);
};

const isSeen: Readonly<Record<NamedSubject['is'], (id: string, context: ApiContext) => boolean | Promise<boolean>>> = {
  endpoint: (id, { caller }) => seesEndpoint(caller, asEndpointId(id)),
  message: (id, context) => isSeenMessage(asMessageId(id), context),
  'message by client id': (id, context) => isSeenMessage(messageIdOf(context.caller.organizationId, id), context),
  delivery: async (id, context) => {
    const delivery = await context.loaders.delivery.load(asDeliveryId(id));
    return delivery !== undefined && seesDelivery(context, delivery);
  },
  'bulk retry': async (id, { caller, loaders }) => {
    const bulkRetry = await loaders.bulkRetry.load(asBulkRetryId(id));
    return bulkRetry !== undefined && seesBulkRetry(caller, bulkRetry.actor);
  },
};

/** In the words for what does not exist. */
const refused = (sentence: string) => new Refusal('NOT_FOUND', sentence);
const notFound: Readonly<Record<NamedSubject['is'], (id: string) => Refusal>> = {
  endpoint: (id) => refused(`There is no endpoint "${id}"; \`endpoints\` lists the ones that exist.`),
  message: (id) => refused(`There is no message "${id}"; \`messages\` lists the ones that exist.`),
  'message by client id': (id) => refused(`There is no message that was published as "${id}"; \`messages\` lists the ones that exist.`),
  delivery: (id) => refused(`There is no delivery "${id}"; \`deliveries\` lists the ones that exist.`),
  'bulk retry': (id) => refused(`There is no bulk retry "${id}"; \`bulkRetries\` lists the ones that exist.`),
};

const idsAt = (args: Json, path: string): readonly string[] => {
  let value: Json | undefined = args;
  for (const name of path.split('.')) value = isJsonObject(value) ? value[name] : undefined;
  return [value ?? []].flat().filter((each): each is string => typeof each === 'string' && each !== '');
};

/** The metadata by which Nest knows a query, mutation or subscription. */
export const operationMark = 'graphql:resolver_type';

/** What changes something, or waits for a change. */
const changes = (context: ExecutionContext): boolean => {
  if (context.getType<string>() !== 'graphql') return context.getArgByIndex<FastifyRequest>(0).method !== 'GET';
  const operation: unknown = Reflect.getMetadata(operationMark, context.getHandler());
  return operation === 'Mutation' || operation === 'Subscription';
};

const listOf = (roles: readonly string[]) => (roles.length < 2 ? roles.join('') : `${roles.slice(0, -1).join(', ')} or ${roles.at(-1)}`);
