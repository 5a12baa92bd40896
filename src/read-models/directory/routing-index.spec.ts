import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { it } from 'vitest';
import type { EndpointId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { defaultGroup } from '../../domain/organization.ts';
import { EndpointMatcher, finish, routeMessage, type RoutingConfiguration, type TypeKind } from '../../domain/routing.ts';
import { RoutingIndex } from './routing-index.ts';

const { array, boolean, constant, constantFrom, dictionary, oneof, record, tuple } = fc;

// Few values, so that endpoints and messages often match.
const type = constantFrom('a', 'a.b', 'a.b.c', 'b', 'b.c', 'ab.c');
const group = constantFrom('a', 'b', 'g');
const scalar = constantFrom<string | number | null>('x', 'y', 1, null);
const field = oneof(
  scalar,
  array(scalar, { minLength: 1, maxLength: 2 }),
  constantFrom<JsonObject>(
    { prefix: 'x' },
    { exists: false },
    { 'anything-but': ['x'] },
    { n: ['x', 1] },
    { n: { m: [{ exists: true }] } },
  ),
);
const filter: fc.Arbitrary<JsonObject> = oneof(
  dictionary(constantFrom('k', 'l'), field, { minKeys: 1, maxKeys: 2 }),
  array(dictionary(constantFrom('k', 'l'), field, { minKeys: 1 }), { minLength: 1, maxLength: 2 }).map((patterns) => ({ $or: patterns })),
);
const configuration: fc.Arbitrary<RoutingConfiguration> = record({
  status: constantFrom('ENABLED', 'PAUSED', 'DISABLED'),
  audience: constantFrom('PUBLIC', undefined),
  settings: record({
    eventTypes: array(constantFrom('*', 'a', 'a.*', 'a.b', 'a.b.*', 'b', 'b.c', 'g'), { minLength: 1, maxLength: 3 }),
    filter: oneof(constant(null), filter),
    retryPolicy: record({ delaysSeconds: array(constantFrom(0, 0.5, 90), { maxLength: 2 }), jitter: constant(0) }),
    ordering: constantFrom('NONE', 'PER_KEY', 'STRICT'),
  }),
});
const id = constantFrom('e1', 'e2', 'e3', 'e4') as fc.Arbitrary<EndpointId>;
const inner = oneof(scalar, array(scalar, { maxLength: 2 }), record({ n: oneof(scalar, record({ m: scalar })) }));
const message = record({ type, data: dictionary(constantFrom('k', 'l'), inner), orderingKey: constantFrom(undefined, 'x') });

/** A directory's life: endpoints are set and deleted, types move to other groups and become internal, and messages are routed in between. */
const step = oneof(
  { weight: 2, arbitrary: tuple(constant('set' as const), id, configuration) },
  { weight: 1, arbitrary: tuple(constant('delete' as const), id) },
  { weight: 2, arbitrary: tuple(constant('define' as const), type, group, boolean()) },
  { weight: 4, arbitrary: tuple(constant('route' as const), message) },
);

const now = new Date('2026-01-01T12:00:00.000Z');

it('routes every message as the rule of the domain does', () => {
  fc.assert(
    fc.property(array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const kinds = new Map<string, TypeKind>();
      const endpoints = new Map<EndpointId, RoutingConfiguration>();
      const kindOf = (name: string) => kinds.get(name) ?? { group: defaultGroup(name), isInternal: false };
      const index = new RoutingIndex(kindOf);
      for (const each of steps) {
        if (each[0] === 'set') {
          endpoints.set(each[1], each[2]);
          index.set({ id: each[1], matcher: new EndpointMatcher(each[1], each[2]) });
        } else if (each[0] === 'delete') {
          endpoints.delete(each[1]);
          index.delete(each[1]);
        } else if (each[0] === 'define') {
          kinds.set(each[1], { group: each[2], isInternal: each[3] });
          index.kindsChanged();
        } else {
          const routed = { ...each[1], ...kindOf(each[1].type) };
          const { destinations, skipped, reasons } = routeMessage(endpoints, routed, now);
          assert.deepEqual(finish(index.route(routed.type, routed, now)), { destinations, skipped });
          for (const [endpointId, settings] of endpoints)
            assert.equal(
              finish(new EndpointMatcher(endpointId, settings).matchesInSteps(routed)),
              ['sent', 'skipped'].includes(reasons.get(endpointId)?.result ?? ''),
            );
        }
      }
    }),
    { numRuns: 300 },
  );
});
