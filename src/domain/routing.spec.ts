import { expect, it } from 'vitest';
import type { EndpointId } from './ids.ts';
import { EndpointMatcher, finish, routeInSteps, routeMessage, type RoutingConfiguration } from './routing.ts';

const endpoint = (
  id: string,
  settings: Partial<RoutingConfiguration['settings']> = {},
  status: RoutingConfiguration['status'] = 'ENABLED',
) =>
  [
    id as EndpointId,
    {
      status,
      settings: { eventTypes: ['*'], filter: null, retryPolicy: { delaysSeconds: [0, 60], jitter: 0 }, ordering: 'NONE', ...settings },
    },
  ] as const;

it('lets a message take turns where the endpoint asks for it: by its key if it has one, or with all', () => {
  const endpoints = [endpoint('none'), endpoint('per key', { ordering: 'PER_KEY' }), endpoint('strict', { ordering: 'STRICT' })];
  const message = { type: 'alert.created', group: 'alerts', isInternal: false, data: {} };
  const routed = (orderingKey?: string) => routeMessage(endpoints, { ...message, orderingKey }, new Date()).destinations;
  expect(routed('k')).toEqual([
    { endpointId: 'none' },
    { endpointId: 'per key', ordering: 'PER_KEY' },
    { endpointId: 'strict', ordering: 'STRICT' },
  ]);
  expect(routed()).toEqual([{ endpointId: 'none' }, { endpointId: 'per key' }, { endpointId: 'strict', ordering: 'STRICT' }]);
});

it('sends a message to the endpoints that take it, skips those that are disabled, and gives the reason for each', () => {
  const endpoints = [
    endpoint('by name', { eventTypes: ['x', 'alert.created', '*'] }),
    endpoint('by group', { eventTypes: ['alerts'] }, 'PAUSED'),
    endpoint('later', { retryPolicy: { delaysSeconds: [90], jitter: 0 } }),
    endpoint('other type', { eventTypes: ['meeting.*'] }),
    endpoint('filter', { filter: { severity: ['warning'], host: [{ exists: false }] } }),
    endpoint('disabled', {}, 'DISABLED'),
  ];
  const message = { type: 'alert.created', group: 'alerts', isInternal: false, data: { severity: 'critical' } };
  const { destinations, skipped, reasons } = routeMessage(endpoints, message, new Date('2026-01-01T12:00:00.000Z'));
  expect(destinations).toEqual([
    { endpointId: 'by name' },
    { endpointId: 'by group' },
    { endpointId: 'later', notBefore: '2026-01-01T12:01:30.000Z', delaySeconds: 90 },
  ]);
  expect(skipped).toEqual(['disabled']);
  expect(Object.fromEntries(reasons)).toEqual({
    'by name': { result: 'sent', subscription: 'alert.created' },
    'by group': { result: 'sent', subscription: 'alerts' },
    later: { result: 'sent', subscription: '*' },
    'other type': { result: 'not-subscribed' },
    filter: { result: 'filtered-out', subscription: '*', failed: [{ path: 'severity', asks: ['warning'], found: 'critical' }] },
    disabled: { result: 'skipped', subscription: '*' },
  });
});

it('sends an internal type only where no portal session decided, whatever entry subscribes to it', () => {
  const pointed = (eventTypes: string[]) => ({ ...endpoint('', { eventTypes })[1], audience: 'PUBLIC' as const });
  const endpoints = [
    endpoint('own'),
    ...['*', 'alert.created', 'alert.*', 'alerts'].map((entry) => [entry as EndpointId, pointed([entry])] as const),
    ['other', pointed(['meeting.ended'])] as const,
  ];
  const routed = (isInternal: boolean) =>
    routeMessage(
      endpoints as Parameters<typeof routeMessage>[0],
      { type: 'alert.created', group: 'alerts', isInternal, data: {} },
      new Date(),
    );
  expect(routed(true).destinations).toEqual([{ endpointId: 'own' }]);
  expect(routed(true).reasons.get('alert.*' as EndpointId)).toEqual({ result: 'internal', subscription: 'alert.*' });
  expect(routed(true).reasons.get('other' as EndpointId)).toEqual({ result: 'not-subscribed' });
  expect(routed(false).destinations).toHaveLength(5);
});

it('makes one destination for all messages that an endpoint neither delays nor orders', () => {
  const matchers = [
    endpoint('plain'),
    endpoint('per key', { ordering: 'PER_KEY' }),
    endpoint('later', { retryPolicy: { delaysSeconds: [90], jitter: 0 } }),
  ];
  const compiled = matchers.map(([id, configuration]) => new EndpointMatcher(id, configuration));
  const route = (orderingKey?: string) => finish(routeInSteps(compiled, { data: {}, orderingKey }, new Date())).destinations;
  const [first, second, keyed] = [route(), route(), route('k')];
  const isShared = (other: typeof first) => other.map((each, i) => each === first[i]);
  expect(isShared(second)).toEqual([true, true, false]);
  expect(isShared(keyed)).toEqual([true, false, false]);
  expect(keyed[1]).toEqual({ endpointId: 'per key', ordering: 'PER_KEY' });
});
