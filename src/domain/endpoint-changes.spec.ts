import { describe, expect, it } from 'vitest';
import { registered } from '../../test/support/samples.ts';
import { fold } from './decider.ts';
import { fieldChanges } from './endpoint-changes.ts';
import type { EndpointEvent } from './endpoint-events.ts';
import { endpoint } from './endpoint.ts';
import { mask } from './header-masking.ts';

/** What the last of these events changed. */
const changed = (...events: EndpointEvent[]) => fieldChanges(fold(endpoint, events.slice(0, -1)), fold(endpoint, events));
const headers = (...given: readonly (readonly [string, string])[]): EndpointEvent => ({
  type: 'endpoint.headers-changed',
  data: { headers: given.map(([name, value]) => ({ name, value })) },
});

describe('the changes of an endpoint', () => {
  it('are every field that is set, where it was registered', () => {
    const fields = changed(registered({ headers: [{ name: 'X-Team', value: 'sealed' }] }, { secret: 'sealed' }));
    expect(fields).toContainEqual({ field: 'url', from: null, to: 'https://receiver.example/hook' });
    expect(fields).toContainEqual({ field: 'headers', from: null, to: [{ name: 'X-Team', value: mask }] });
    expect(fields).toContainEqual({ field: 'secret', from: null, to: mask });
    expect(fields.map(({ field }) => field)).not.toContain('filter');
    expect(JSON.stringify(fields)).not.toContain('sealed');
  });

  it.each<[EndpointEvent, object[]]>([
    [{ type: 'endpoint.renamed', data: { name: 'B' } }, [{ field: 'name', from: 'Alerts', to: 'B' }]],
    [
      { type: 'endpoint.subscription-changed', data: { eventTypes: ['a'], filter: { a: [1] } } },
      [
        { field: 'eventTypes', from: ['*'], to: ['a'] },
        { field: 'filter', from: null, to: { a: [1] } },
      ],
    ],
    [{ type: 'endpoint.paused', data: {} }, [{ field: 'status', from: 'ENABLED', to: 'PAUSED' }]],
    [
      { type: 'endpoint.disabled', data: { reason: 'moving' } },
      [
        { field: 'status', from: 'ENABLED', to: 'DISABLED' },
        { field: 'disabledReason', from: null, to: 'moving' },
      ],
    ],
    [{ type: 'endpoint.secret-rotated', data: { secret: 'other', previousUntil: '' } }, [{ field: 'secret', from: mask, to: 'changed' }]],
  ])('are said of %j', (event, expected) => expect(changed(registered({}, { secret: 'sealed' }), event)).toEqual(expected));

  it('say which header has another value, and not what it is', () =>
    expect(changed(registered(), headers(['a', '1'], ['b', '1']), headers(['A', '2'], ['b', '1'], ['c', '3']))).toEqual([
      {
        field: 'headers',
        from: [
          { name: 'a', value: mask },
          { name: 'b', value: mask },
        ],
        to: [
          { name: 'A', value: 'changed' },
          { name: 'b', value: mask },
          { name: 'c', value: mask },
        ],
      },
    ]));

  it('say that the routing key is another one', () => {
    const keyed = (routingKey: string): EndpointEvent => ({
      type: 'endpoint.format-changed',
      data: { format: 'PAGERDUTY', formatOptions: { routingKey } },
    });
    expect(changed(registered(), keyed('1'), keyed('2'))).toEqual([
      { field: 'formatOptions', from: { routingKey: mask }, to: { routingKey: 'changed' } },
    ]);
  });

  it('end with null where it was deleted', () =>
    expect(changed(registered(), { type: 'endpoint.deleted', data: {} })).toContainEqual({ field: 'status', from: 'ENABLED', to: null }));
});
