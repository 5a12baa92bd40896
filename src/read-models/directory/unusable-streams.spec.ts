import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { organizationId, registered } from '../../../test/support/samples.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { EndpointId, OrganizationId, Position } from '../../domain/ids.ts';
import { LogUnavailable, UndecodableEvent, type EventStore } from '../../event-store/event-store.ts';
import { Vault } from '../../secrets/vault.ts';
import { ConfigurationUnavailable } from './configuration-unavailable.ts';
import { EndpointDirectory } from './endpoint-directory.ts';
import { finish } from '../../domain/routing.ts';
import { waitFor } from '../../../test/support/wait-for.ts';

const now = new Date('2026-01-01T12:00:00.000Z');
const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];
const other = 'other' as OrganizationId;

let store: MemoryEventStore;
let directory: EndpointDirectory;
/** Fails the follower that reads next. */
let fail: (reason: Error) => void;
const log = { info: vi.fn<() => void>(), warn: vi.fn<() => void>(), error: vi.fn<() => void>() };
const vault = new Vault(randomBytes(32));

const reached = async (position: Position) => expect(await directory.progress.reached(position, 5000)).toBe(true);
const happen = async (stream: string, event: DomainEvent) => reached(store.record({ stream, event }));
/** Of a newer version. */
const newerEvent = async (stream: string) => {
  const next = String(store.log.length + 1).padStart(12, '0') as Position;
  store.undecodable = {
    position: next,
    error: new UndecodableEvent(next, stream, 'endpoint.circuit-opened', 'this version knows no such event'),
  };
  await happen(stream, { type: 'endpoint.renamed', data: { name: 'stands in for it' } });
};
const add = (id: EndpointId, settings: Partial<EndpointSettings> = {}, of: OrganizationId = organizationId) =>
  happen(`endpoint-${id}`, registered(settings, { organizationId: of }));
const destinations = (type: string, of = organizationId) =>
  finish(directory.route(of, type, { data: {} }, now)).destinations.map(({ endpointId }) => endpointId);
const issue = (id: string, hash: string) =>
  happen(`apikey-${id}`, { type: 'apikey.issued', data: { organizationId, name: id, role: 'PUBLISHER', hash } });

beforeEach(async () => {
  store = new MemoryEventStore();
  for (const id of [organizationId, other])
    store.record({
      stream: `organization-${id}`,
      event: { type: 'organization.registered', data: { name: id, encryptionKey: vault.newKey(`organization-${id}`) } },
    });
  let failure = Promise.withResolvers<Error>();
  fail = (reason) => failure.resolve(reason);
  const failing: Pick<EventStore, 'followConfiguration'> = {
    async *followConfiguration(after, options) {
      const batches = store.followConfiguration(after, options);
      for (;;) {
        const next = await Promise.race([batches.next(), failure.promise]);
        if (next instanceof Error) {
          failure = Promise.withResolvers();
          throw next;
        }
        if (next.done) return;
        yield next.value;
      }
    },
  };
  directory = new EndpointDirectory(failing, vault, log);
  await directory.start();
  log.error.mockClear();
  return () => directory.stop();
});
afterEach(() => vi.clearAllMocks());

describe('an event that cannot be read', () => {
  it('of an endpoint holds its deliveries, and routes by what was read last; all else goes on', async () => {
    await add(e1, { eventTypes: ['a.b'] });
    await add(e2);
    const changed = vi.fn<(id: EndpointId) => void>();
    directory.onEndpointChanged(changed);
    await newerEvent(`endpoint-${e1}`);
    expect(changed).toHaveBeenCalledWith(e1);
    expect([directory.isHeld(e1), directory.isHeld(e2)]).toEqual([true, false]);
    expect(destinations('a.b')).toEqual([e1, e2]);
    expect(() => directory.requireEndpoint(organizationId, e1)).toThrow(
      /The endpoint e1 can't be used here: .*circuit-opened.*Run the version/,
    );
    expect(directory.requireEndpoint(organizationId, e2).id).toBe(e2);
    const { state, error, name } = directory.status();
    expect({ name, state }).toEqual({ name: 'endpoint-directory', state: 'live' });
    expect(error).toMatch(/The endpoint e1 can't be used here/);
    expect(directory.unusableCount).toBe(1);
    expect(log.error).toHaveBeenCalledOnce();

    await happen(`endpoint-${e1}`, { type: 'endpoint.subscription-changed', data: { eventTypes: ['c.d'], filter: null } });
    expect(destinations('a.b')).toEqual([e2]);
    expect(directory.isHeld(e1)).toBe(true);
    await happen(`endpoint-${e1}`, { type: 'endpoint.deleted', data: {} });
    expect(directory.unusableCount).toBe(0);
    expect(directory.status().error).toBeUndefined();
    expect(await directory.whenAvailable(e1)).toBeUndefined();
  });

  it('of an endpoint that nothing else is known of ends the wait for it', async () => {
    const waiting = directory.whenAvailable(e1);
    await newerEvent(`endpoint-${e1}`);
    await expect(waiting).rejects.toThrow(ConfigurationUnavailable);
    expect(directory.isHeld(e1)).toBe(true);
  });

  it('of a key refuses that key', async () => {
    await issue('k1', 'ab');
    await issue('k2', 'cd');
    await newerEvent('apikey-k1');
    expect(() => directory.apiKey('ab')).toThrow(ConfigurationUnavailable);
    expect(directory.apiKey('cd')?.id).toBe('k2');
    expect(directory.apiKey('ef')).toBeUndefined();
    await happen('apikey-k1', { type: 'apikey.revoked', data: {} });
    expect(directory.apiKey('ab')).toBeUndefined();
  });

  it('of a key whose issuing it was does not say of any other that it is unknown', async () => {
    await issue('k2', 'cd');
    await newerEvent('apikey-k1');
    expect(directory.apiKey('cd')?.id).toBe('k2');
    expect(() => directory.apiKey('ef')).toThrow(/not known here, but may be one that can't be read/);
  });

  it('of an organization refuses its messages and holds its deliveries', async () => {
    await add(e1);
    await add(e2, {}, other);
    await newerEvent(`organization-${organizationId}`);
    expect(() => directory.route(organizationId, 'a', { data: {} }, now)).toThrow(ConfigurationUnavailable);
    expect(() => directory.requireOrganization(organizationId)).toThrow(/The organization .* can't be used here/);
    expect([directory.isHeld(e1), directory.isHeld(e2)]).toEqual([true, false]);
    expect(destinations('a', other)).toEqual([e2]);
  });
});

it('a signing key that another master key has encrypted makes its organization unusable', async () => {
  const stream = `organization-${other}`;
  const key = vault
    .keyring([vault.newKey(stream)], stream)
    .cipherFor(stream)
    .seal('secret', 'signingKey');
  await happen(`organization-${other}`, { type: 'organization.signing-key-set', data: { key } });
  expect(() => directory.route(other, 'a', { data: {} }, now)).toThrow(/A secret can't be decrypted/);
  expect(destinations('a')).toEqual([]);
});

it('an endpoint of an organization that cannot be used is unusable, too', async () => {
  const wrapped = new Vault(randomBytes(32)).newKey('organization-third');
  await happen('organization-third', { type: 'organization.registered', data: { name: 'third', encryptionKey: wrapped } });
  await add(e1, {}, 'third' as OrganizationId);
  expect(directory.isHeld(e1)).toBe(true);
  await expect(directory.whenAvailable(e1)).rejects.toThrow(ConfigurationUnavailable);
});

describe('while the log cannot be followed', () => {
  const refused = () => {
    expect(() => directory.route(organizationId, 'a', { data: {} }, now)).toThrow(ConfigurationUnavailable);
    expect(() => directory.apiKey('ab')).toThrow(/accepts no keys: .*broken/);
    expect(directory.isHeld(e1)).toBe(true);
  };

  it('refuses messages and keys, says so, and goes on as soon as it can', async () => {
    await add(e1);
    await issue('k1', 'ab');
    fail(new LogUnavailable('The disk is broken.', 0.05));
    await waitFor(() => expect(directory.status()).toMatchObject({ state: 'stopped', error: 'The disk is broken. Retrying.' }));
    refused();
    const changed = vi.fn<(id: EndpointId) => void>();
    directory.onEndpointChanged(changed);
    await waitFor(() => expect(directory.status().state).toBe('live'));
    expect(changed).toHaveBeenCalledWith(e1);
    expect(directory.apiKey('ab')?.id).toBe('k1');
    await happen('apikey-k1', { type: 'apikey.revoked', data: {} });
    expect(directory.apiKey('ab')).toBeUndefined();
    expect(log.error).toHaveBeenCalledOnce();
  });

  it('stays stopped after an error that does not pass', async () => {
    fail(new Error('The log is broken.'));
    await waitFor(() => expect(directory.status().state).toBe('stopped'));
    refused();
    expect(directory.status().error).toMatch(/^The log is broken\. Restart this replica/);
    expect(directory.failure?.message).toBe('The log is broken.');
  });
});
