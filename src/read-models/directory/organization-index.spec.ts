// What the suspension and the deletion of an organization do to the directory, and what all organizations share.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { registered } from '../../../test/support/samples.ts';
import { silent } from '../../../test/support/silent.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import { asEndpointId, asOrganizationId, type EndpointId } from '../../domain/ids.ts';
import { finish } from '../../domain/routing.ts';
import { newId } from '../../event-store/id-generation.ts';
import { Vault } from '../../secrets/vault.ts';
import { EndpointDirectory } from './endpoint-directory.ts';

const [home, acme] = [asOrganizationId('default'), asOrganizationId('acme')];
const [e1, e2] = [asEndpointId('e1'), asEndpointId('e2')];
const now = new Date('2026-01-01T12:00:00.000Z');

describe('the directory and its organizations', () => {
  const vault = new Vault(randomBytes(32));
  let store: MemoryEventStore;
  let directory: EndpointDirectory;
  let changed: EndpointId[];

  const happen = async (stream: string, ...events: DomainEvent[]) => {
    const revision = (await store.readStream(stream)).length - 1;
    const [done] = await store.append([
      {
        stream,
        expectedRevision: revision === -1 ? 'no-stream' : revision,
        events: events.map((event) => ({ ...event, id: newId(), metadata: { actor: 'test' } })),
      },
    ]);
    expect(await directory.progress.reached(done?.position ?? expect.fail(), 5_000)).toBe(true);
  };
  const another = async () => {
    const other = new EndpointDirectory(store, vault, silent);
    await other.start();
    await other.stop();
    return other;
  };
  const deleteAcme = () => happen('organization-acme', { type: 'organization.deleted', data: {} });

  beforeEach(async () => {
    store = new MemoryEventStore();
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    changed = [];
    directory.onEndpointChanged((id) => changed.push(id));
    for (const id of [home, acme]) {
      const stream = `organization-${id}`;
      await happen(stream, { type: 'organization.registered', data: { name: id, encryptionKey: vault.newKey(stream) } });
    }
    const { type, data } = registered();
    await happen(`endpoint-${e1}`, { type, data: { ...data, organizationId: home } });
    await happen(`endpoint-${e2}`, { type, data: { ...data, organizationId: acme } });
    await happen('apikey-k1', { type: 'apikey.issued', data: { organizationId: acme, name: 'k1', role: 'ADMIN', hash: 'h1' } });
    changed.length = 0;
  });
  afterEach(() => directory.stop());

  it('holds the endpoints of a suspended one, and of no other, until it is resumed', async () => {
    await happen('organization-acme', { type: 'organization.suspended', data: { reason: 'unpaid' } });
    expect([directory.isHeld(e1), directory.isHeld(e2), (await another()).isHeld(e2)]).toEqual([false, true, true]);
    expect(() => directory.requireActive(acme)).toThrow(/suspended: unpaid/);
    expect(directory.requireActive(home)).toBeUndefined();
    expect(changed).toEqual([e2]);
    await happen('organization-acme', { type: 'organization.resumed', data: {} });
    expect(directory.isHeld(e2)).toBe(false);
    expect(directory.requireActive(acme)).toBeUndefined();
    expect(changed).toEqual([e2, e2]);
  });

  it('forgets a deleted one with its endpoints, its keys and what opens its secrets', async () => {
    await deleteAcme();
    for (const each of [directory, await another()]) {
      expect(each.organization(acme)).toBeUndefined();
      expect(each.organizationIds()).toEqual([home]);
      expect([each.endpoint(e2), await each.whenAvailable(e2), each.endpoint(e1)?.id]).toEqual([undefined, undefined, e1]);
      expect(() => each.requireActive(acme)).toThrow(/no such organization/);
      expect(finish(each.route(acme, 'a', { data: {} }, now)).destinations).toEqual([]);
    }
    expect(directory.apiKey('h1')).toBeUndefined();
    expect(changed).toEqual([e2]);
  });

  it('takes what a deleted one was still given meanwhile for deleted, too', async () => {
    await deleteAcme();
    const { type, data } = registered();
    await happen('endpoint-e3', { type, data: { ...data, organizationId: acme } });
    await happen('apikey-k2', { type: 'apikey.issued', data: { organizationId: acme, name: 'k2', role: 'ADMIN', hash: 'h2' } });
    await happen(`endpoint-${e2}`, { type: 'endpoint.deleted', data: {} });
    expect(await directory.whenAvailable(asEndpointId('e3'))).toBeUndefined();
    expect(directory.apiKey('h2')).toBeUndefined();
    expect(directory.unusableCount).toBe(0);
  });

  it('groups a type as its organization defines it, else as it is shared', async () => {
    const groupIn = (organization: typeof acme) => directory.kindOf(organization, 'order.placed').group;
    const definition = { name: 'order.placed', description: null, sample: null };
    const shared = { ...definition, group: 'sales', shared: true as const };
    expect(groupIn(acme)).toBe('order');
    finish(directory.route(acme, 'order.placed', { data: {} }, now));
    await happen('organization-default', { type: 'organization.event-type-defined', data: shared });
    expect([groupIn(acme), groupIn(home)]).toEqual(['sales', 'sales']);
    await happen('organization-acme', { type: 'organization.event-type-defined', data: { ...definition, group: 'own' } });
    expect([groupIn(acme), groupIn(home)]).toEqual(['own', 'sales']);
  });
});
