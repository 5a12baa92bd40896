// At start: every handler of the application must say who may call it.
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { accessOf } from './access.ts';
import { operationMark } from './access-guard.ts';

/** The metadata by which Nest knows a route and a query, mutation or subscription. */
const handlerMarks = ['path', operationMark];
const operations = new Set(['Query', 'Mutation', 'Subscription']);

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
