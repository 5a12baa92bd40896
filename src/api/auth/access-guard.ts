// The guard in front of every handler, REST and GraphQL: it denies unless the handler says who may, and the caller is one of them.
import { Inject, Injectable, Optional, type CanActivate, type ExecutionContext, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { ApiContext } from '../graphql/context.ts';
import { Refusal } from '../refusal.ts';
import { READ_ONLY } from '../tokens.ts';
import { accessOf } from './access.ts';
import { organizationHeader } from './acting-organization.ts';
import { Authentication, type AuthenticatedCaller } from './authentication.ts';

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authentication: Authentication,
    @Optional() @Inject(READ_ONLY) private readonly readOnly?: string,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (this.readOnly !== undefined && changes(context)) throw new Refusal('FORBIDDEN', this.readOnly);
    const access = accessOf(context.getHandler());
    if (access === 'public') return true;
    const caller = this.callerOf(context);
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
}

/** What changes something, or waits for a change. */
const changes = (context: ExecutionContext): boolean => {
  if (context.getType<string>() !== 'graphql') return context.getArgByIndex<FastifyRequest>(0).method !== 'GET';
  const operation: unknown = Reflect.getMetadata(operationMark, context.getHandler());
  return operation === 'Mutation' || operation === 'Subscription';
};

const listOf = (roles: readonly string[]) => (roles.length < 2 ? roles.join('') : `${roles.slice(0, -1).join(', ')} or ${roles.at(-1)}`);

/** The metadata by which Nest knows a route and a query, mutation or subscription. */
const operationMark = 'graphql:resolver_type';
const handlerMarks = ['path', operationMark];
const operations = new Set(['Query', 'Mutation', 'Subscription']);

/** At start: every handler of the application must say who may call it. */
@Injectable()
export class AccessCheck implements OnModuleInit {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** @throws Error naming every handler that says nothing. */
  onModuleInit(): void {
    const silent: string[] = [];
    for (const { instance, metatype } of [...this.discovery.getControllers(), ...this.discovery.getProviders()]) {
      if (typeof instance !== 'object' || instance === null || !metatype) continue;
      for (const name of this.scanner.getAllMethodNames(Object.getPrototypeOf(instance))) {
        const handler: unknown = Reflect.get(instance, name);
        if (typeof handler === 'function' && isHandler(handler) && !accessOf(handler)) silent.push(`${metatype.name}.${name}`);
      }
    }
    if (silent.length > 0)
      throw new Error(`These handlers do not say who may call them; add @Allow('ADMIN', …) or @Public(): ${silent.join(', ')}.`);
  }
}

const isHandler = (method: object): boolean =>
  handlerMarks.some((mark) => {
    const value: unknown = Reflect.getMetadata(mark, method);
    return mark === 'path' ? value !== undefined : operations.has(String(value));
  });
