import { describe, it } from 'vitest';
import { given } from './given.ts';
import { mostEventTypes, organization, type OrganizationCommand, type OrganizationEvent } from './organization.ts';

const registered: OrganizationEvent = { type: 'organization.registered', data: { name: 'Acme', encryptionKey: 'v1.k' } };
const type = { name: 'alert.created', group: 'alerts', description: 'An alert', sample: { severity: 'critical', n: [1] } };
const defined = (changed: Partial<typeof type> = {}): OrganizationEvent => ({
  type: 'organization.event-type-defined',
  data: { ...type, ...changed },
});
const retired: OrganizationEvent = { type: 'organization.event-type-retired', data: { name: type.name } };
const define = (changed: Partial<OrganizationCommand & { type: 'DefineEventType' }> = {}): OrganizationCommand => ({
  ...type,
  ...changed,
  type: 'DefineEventType',
});

describe('an organization', () => {
  const history = given(organization);
  const register: OrganizationCommand = { type: 'RegisterOrganization', name: 'Acme', encryptionKey: 'v1.k' };
  const retire: OrganizationCommand = { type: 'RetireEventType', name: type.name };

  it('is registered', () => history().when(register).then(registered));
  it('is registered once: its key is never replaced', () =>
    history(registered)
      .when({ ...register, encryptionKey: 'v1.other' })
      .thenNothing());

  describe('and its signing key', () => {
    const keySet = (key: string): OrganizationEvent => ({ type: 'organization.signing-key-set', data: { key } });
    it('is set, and set anew', () => {
      history(registered).when({ type: 'SetSigningKey', key: 'a' }).then(keySet('a'));
      history(registered, keySet('a')).when({ type: 'SetSigningKey', key: 'b' }).then(keySet('b'));
    });
    it('is not set to itself', () => history(registered, keySet('a')).when({ type: 'SetSigningKey', key: 'a' }).thenNothing());
    it('is given where there is none, and never replaced by that', () => {
      history(registered).when({ type: 'SetFirstSigningKey', key: 'a' }).then(keySet('a'));
      history(registered, keySet('a')).when({ type: 'SetFirstSigningKey', key: 'b' }).thenNothing();
    });
  });

  it('defines an event type', () => history(registered).when(define()).then(defined()));
  it('groups a type that names no group by what stands before its first dot', () =>
    history(registered)
      .when(define({ group: undefined }))
      .then(defined({ group: 'alert' })));
  it('keeps the group of a known type that is defined again without one', () =>
    history(registered, defined())
      .when(define({ group: undefined, description: 'Changed' }))
      .then(defined({ description: 'Changed' })));
  it('replaces what is defined again', () =>
    history(registered, defined())
      .when(define({ group: 'incidents' }))
      .then(defined({ group: 'incidents' })));
  it('ignores a definition that changes nothing, whatever the order of keys', () =>
    history(registered, defined())
      .when(define({ sample: { n: [1], severity: 'critical' } }))
      .thenNothing());
  it('brings a retired type back', () => history(registered, defined(), retired).when(define()).then(defined()));
  it('has a bounded number of types, and changes those that it has', () => {
    const full = [registered, ...Array.from({ length: mostEventTypes }, (_, n) => defined({ name: `many.t${n}` }))];
    history(...full)
      .when(define())
      .thenRefused('CONFLICT', /has 2000 event types/);
    history(...full)
      .when(define({ name: 'many.t0', group: 'other' }))
      .then(defined({ name: 'many.t0', group: 'other' }));
  });
  it('retires a type', () => history(registered, defined()).when(retire).then(retired));
  it('retires a type once', () => history(registered, defined(), retired).when(retire).thenNothing());

  it('refuses to retire a type that it does not know', () =>
    history(registered)
      .when(retire)
      .thenRefused('NOT_FOUND', /no event type "alert.created"/));
  it.each<OrganizationCommand>([define(), retire, { type: 'SetSigningKey', key: 'a' }])(
    'takes no $type before it is registered',
    (command) =>
      history()
        .when(command)
        .thenRefused('NOT_FOUND', /no such organization/),
  );
});
