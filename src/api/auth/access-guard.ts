// The guard in front of every handler, REST and GraphQL: it denies unless the handler says who may, and the caller is one of them.
import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { defaultOrganization } from '../../domain/organization.ts';
import { asBulkRetryId, asDeliveryId, asEndpointId } from '../../domain/ids.ts';
import { isJsonObject, type Json } from '../../domain/json.ts';
import type { ApiContext } from '../graphql/context.ts';
import { seesBulkRetry, seesDelivery, seesEndpoint, visibleEndpoints } from '../graphql/visibility.ts';
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
    return requireSeen(bounds, context.getArgByIndex<Json>(1), context.getArgByIndex<ApiContext>(2));
  }
}

/** @throws Refusal NOT_FOUND, in the words for what does not exist */
const requireSeen = async ({ argument, is }: NamedSubject, args: Json, context: ApiContext): Promise<boolean> => {
  const id = valueAt(args, argument);
  if (id === undefined) {
    if (visibleEndpoints(context.caller) === undefined) return true;
    const message = 'Name one of the endpoints of your portal session; it is for some of them only.';
    throw new Refusal('BAD_USER_INPUT', message, { issues: [{ path: argument, message }] });
  }
  if (is === 'endpoint') {
    if (seesEndpoint(context.caller, asEndpointId(id))) return true;
    throw new Refusal('NOT_FOUND', `There is no endpoint "${id}"; \`endpoints\` lists the ones that exist.`);
  }
  if (is === 'bulk retry') {
    const bulkRetry = await context.loaders.bulkRetry.load(asBulkRetryId(id));
    if (bulkRetry && seesBulkRetry(context.caller, bulkRetry.actor)) return true;
    throw new Refusal('NOT_FOUND', `There is no bulk retry "${id}"; \`bulkRetries\` lists the existing ones.`);
  }
  const delivery = await context.loaders.delivery.load(asDeliveryId(id));
  if (delivery && seesDelivery(context, delivery)) return true;
  throw new Refusal('NOT_FOUND', `There is no delivery "${id}"; \`deliveries\` lists the existing ones.`);
};

const valueAt = (args: Json, path: string): string | undefined => {
  let value: Json | undefined = args;
  for (const name of path.split('.')) value = isJsonObject(value) ? value[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
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
