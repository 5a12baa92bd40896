// Internal types and endpoints: what a portal session may name, and where internal types do not go from then on.
import { describe, it } from 'vitest';
import { harmlessUrl, organizationId, registered, settings } from '../../test/support/samples.ts';
import type { EndpointEvent } from './endpoint-events.ts';
import { endpoint, type EndpointCommand } from './endpoint.ts';
import { given } from './given.ts';

const names = new Set(['audit.made']);
const byPortal = { names, areHidden: true };
const byKey = { names, areHidden: false };
const history = given(endpoint);
const register = (eventTypes: string[], internalTypes = byPortal): EndpointCommand => ({
  type: 'Register',
  organizationId,
  settings: { ...settings, eventTypes },
  secret: null,
  disabled: false,
  internalTypes,
});
const change = (changed: (EndpointCommand & { type: 'Change' })['settings'], internalTypes = byPortal): EndpointCommand => ({
  type: 'Change',
  settings: changed,
  internalTypes,
});
const pointedByPortal = (eventTypes: string[]): EndpointEvent => {
  const { type, data } = registered({ eventTypes });
  return { type, data: { ...data, audience: 'PUBLIC' } };
};
const url = harmlessUrl('https://other.example/hook');
const { filter } = settings;

describe('an endpoint that a portal session makes', () => {
  it('says so in the log', () =>
    history()
      .when(register(['*']))
      .then(pointedByPortal(['*'])));
  it('says nothing where an API key makes it', () =>
    history()
      .when(register(['audit.made'], byKey))
      .then(registered({ eventTypes: ['audit.made'] })));
  it('names no internal type', () =>
    history()
      .when(register(['order.made', 'audit.made']))
      .thenRefused('BAD_USER_INPUT', /^eventTypes\.1: "audit\.made" is not offered/));
  it('takes none by an API key either, which is told so', () =>
    history(pointedByPortal(['*']))
      .when(change({ eventTypes: ['*', 'audit.made'] }, byKey))
      .thenRefused('BAD_USER_INPUT', /^eventTypes\.1: "audit\.made" is internal/));
  it('goes on as it was when an API key changes it', () =>
    history(pointedByPortal(['*']))
      .when(change({ eventTypes: ['order.*'] }, byKey))
      .then({ type: 'endpoint.subscription-changed', data: { eventTypes: ['order.*'], filter } }));
});

describe('an endpoint that an API key made', () => {
  it.each<[string, (EndpointCommand & { type: 'Change' })['settings'], EndpointEvent]>([
    ['URL', { url }, { type: 'endpoint.url-changed', data: { url, audience: 'PUBLIC' } }],
    [
      'subscription',
      { eventTypes: ['*'] },
      { type: 'endpoint.subscription-changed', data: { eventTypes: ['*'], filter, audience: 'PUBLIC' } },
    ],
  ])('takes no internal types any more once a portal session changes its %s', (_, changed, event) =>
    history(registered({ eventTypes: ['order.made', 'audit.made'] }))
      .when(change(changed))
      .then(event),
  );
  it('keeps them when a portal session changes anything else', () =>
    history(registered({ eventTypes: ['audit.made'] }))
      .when(change({ name: 'Renamed' }))
      .then({ type: 'endpoint.renamed', data: { name: 'Renamed' } }));
  it('keeps them when a portal session gives back the subscription that it was shown', () =>
    history(registered({ eventTypes: ['order.made', 'audit.made', '*'] }))
      .when(change({ eventTypes: ['order.made', '*'] }))
      .thenNothing());
  it('names no further one by a portal session', () =>
    history(registered({ eventTypes: ['order.made'] }))
      .when(change({ eventTypes: ['order.made', 'audit.made'] }))
      .thenRefused('BAD_USER_INPUT', /^eventTypes\.1/));
});
