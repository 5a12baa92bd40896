import { describe, it } from 'vitest';
import { given } from './given.ts';
import { asOrganizationId } from './ids.ts';
import { defaultOrganization, mostEventTypes, organization, type OrganizationCommand, type OrganizationSettings } from './organization.ts';
import type { OrganizationEvent, OrganizationLimits } from './organization-events.ts';

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

  describe('made with an id of the platform', () => {
    const id = asOrganizationId('acme');
    const create = (settings: Partial<OrganizationSettings & { name: string }> = {}, encryptionKey = 'v1.k'): OrganizationCommand => ({
      type: 'CreateOrganization',
      id,
      settings: { name: 'Acme', ...settings },
      encryptionKey,
      signingKey: 'v2.s',
    });
    const keySet: OrganizationEvent = { type: 'organization.signing-key-set', data: { key: 'v2.s' } };
    const limited = { metadata: { plan: 'gold' }, limits: { endpoints: 5, payloadBytes: 1024 } };
    const withLimits: OrganizationEvent = { type: 'organization.registered', data: { ...registered.data, ...limited } };

    it('is registered with its signing key, its metadata and its own limits', () => {
      history().when(create()).then(registered, keySet);
      history()
        .when(create({ ...limited, limits: { ...limited.limits, waitingDeliveries: null } }))
        .then(withLimits, keySet);
    });
    it('is the same if it is created again, whatever the keys, and whatever was left out', () => {
      history(withLimits).when(create({}, 'v1.other')).thenNothing();
      history(withLimits)
        .when(create({ limits: { endpoints: 5, messagesPerSecond: null } }))
        .thenNothing();
      history(withLimits).when(create(limited)).thenNothing();
    });
    it.each<Partial<OrganizationSettings & { name: string }>>([
      { name: 'Other' },
      { metadata: {} },
      { limits: { endpoints: 6 } },
      { limits: { endpoints: null } },
    ])('is not created again with other content: %j', (other) =>
      history(withLimits)
        .when(create(other))
        .thenRefused('CONFLICT', /"acme" exists with other content; use `updateOrganization`/),
    );
    it('is compared with what it is now', () => {
      const renamed: OrganizationEvent = { type: 'organization.renamed', data: { name: 'Acme Ltd' } };
      history(registered, renamed)
        .when(create({ name: 'Acme Ltd' }))
        .thenNothing();
      history(registered, renamed)
        .when(create())
        .thenRefused('CONFLICT', /other content/);
    });
    it('never comes back once it was deleted', () => {
      const deleted: OrganizationEvent = { type: 'organization.deleted', data: {} };
      history(registered, deleted)
        .when(create())
        .thenRefused('CONFLICT', /"acme" was deleted, and its id is never used again/);
      history(registered, deleted).when({ type: 'RegisterOrganization', name: 'Acme', encryptionKey: 'k' }).thenNothing();
    });
  });

  describe('changed', () => {
    const changed = (settings: OrganizationSettings): OrganizationCommand => ({ type: 'ChangeOrganization', settings });
    const limits = (own: OrganizationLimits): OrganizationEvent => ({ type: 'organization.limits-changed', data: { limits: own } });

    it('records one event for each setting', () => {
      const [renamed, described]: OrganizationEvent[] = [
        { type: 'organization.renamed', data: { name: 'B' } },
        { type: 'organization.metadata-changed', data: { metadata: [1] } },
      ];
      const all = [renamed, described, limits({ endpoints: 3 })].filter((each) => each !== undefined);
      history(registered)
        .when(changed({ name: 'B', metadata: [1], limits: { endpoints: 3 } }))
        .then(...all);
    });
    it('changes only the limits that are given; null takes one back', () => {
      const own = limits({ endpoints: 3, payloadBytes: 9 });
      history(registered, own)
        .when(changed({ limits: { endpoints: 4 } }))
        .then(limits({ endpoints: 4, payloadBytes: 9 }));
      history(registered, own)
        .when(changed({ limits: { endpoints: null } }))
        .then(limits({ payloadBytes: 9 }));
    });
    it('records nothing that is so already', () =>
      history(registered, limits({ endpoints: 3 }))
        .when(changed({ name: 'Acme', metadata: {}, limits: { endpoints: 3, waitingDeliveries: null } }))
        .thenNothing());
  });

  describe('suspended', () => {
    const id = asOrganizationId('acme');
    const suspended = (reason: string | null): OrganizationEvent => ({ type: 'organization.suspended', data: { reason } });
    const suspend = (reason: string | null): OrganizationCommand => ({ type: 'SuspendOrganization', id, reason });

    it('says why, and why else', () => {
      history(registered).when(suspend('unpaid')).then(suspended('unpaid'));
      history(registered).when(suspend(null)).then(suspended(null));
      history(registered, suspended('unpaid')).when(suspend('abuse')).then(suspended('abuse'));
    });
    it('is suspended once', () => history(registered, suspended('unpaid')).when(suspend('unpaid')).thenNothing());
    it('is resumed, once', () => {
      const resumed: OrganizationEvent = { type: 'organization.resumed', data: {} };
      history(registered, suspended('unpaid')).when({ type: 'ResumeOrganization' }).then(resumed);
      history(registered).when({ type: 'ResumeOrganization' }).thenNothing();
    });
  });

  describe('deleted', () => {
    const deleted: OrganizationEvent = { type: 'organization.deleted', data: {} };
    const remove = (confirmName = 'Acme'): OrganizationCommand => ({
      type: 'DeleteOrganization',
      id: asOrganizationId('acme'),
      confirmName,
    });

    it('is gone, once', () => {
      history(registered).when(remove()).then(deleted);
      history(registered, deleted).when(remove()).thenNothing();
    });
    it('is not deleted under another name', () =>
      history(registered)
        .when(remove('acme'))
        .thenRefused('BAD_USER_INPUT', /its name is "Acme"/));
    it.each<OrganizationCommand>([define(), { type: 'SetSigningKey', key: 'a' }, { type: 'ResumeOrganization' }])(
      'takes no $type',
      (command) =>
        history(registered, deleted)
          .when(command)
          .thenRefused('NOT_FOUND', /no such organization/),
    );
  });

  it('named default is neither suspended nor deleted', () => {
    history(registered)
      .when({ type: 'SuspendOrganization', id: defaultOrganization, reason: null })
      .thenRefused('CONFLICT', /`default` can't be suspended/);
    history(registered)
      .when({ type: 'DeleteOrganization', id: defaultOrganization, confirmName: 'Acme' })
      .thenRefused('CONFLICT', /`default` can't be deleted/);
  });

  it('defines a type for itself and, apart from it, one that all organizations share', () => {
    const shared: OrganizationEvent = { type: 'organization.event-type-defined', data: { ...type, shared: true } };
    history(registered, defined())
      .when(define({ shared: true }))
      .then(shared);
    history(registered, shared).when(define()).then(defined());
    history(registered, shared, defined())
      .when({ type: 'RetireEventType', name: type.name, shared: true })
      .then({ type: 'organization.event-type-retired', data: { name: type.name, shared: true } });
    history(registered, defined())
      .when({ type: 'RetireEventType', name: type.name, shared: true })
      .thenRefused('NOT_FOUND', /no event type/);
  });
  it('hides a type from portals until it is said otherwise', () => {
    const internal: OrganizationEvent = { type: 'organization.event-type-defined', data: { ...type, audience: 'INTERNAL' } };
    history(registered)
      .when(define({ audience: 'INTERNAL' }))
      .then(internal);
    history(registered, internal).when(define()).thenNothing();
    history(registered, internal)
      .when(define({ audience: 'PUBLIC' }))
      .then(defined());
  });

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
