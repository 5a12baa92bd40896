import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accepted, organizationId, registered } from '../../../test/support/samples.ts';
import { silent } from '../../../test/support/silent.ts';
import type { DomainEvent } from '../../domain/catalog.ts';
import type { EndpointSettings } from '../../domain/endpoint-events.ts';
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { JsonObject } from '../../domain/json.ts';
import { newId } from '../../event-store/id-generation.ts';
import { SqliteEventStore } from '../../event-store/sqlite/sqlite-event-store.ts';
import { SecretUnreadable, Vault } from '../../secrets/vault.ts';
import { EndpointDirectory } from './endpoint-directory.ts';
import { finish } from '../../domain/routing.ts';

const now = new Date('2026-01-01T12:00:00.000Z');
const [e1, e2] = ['e1' as EndpointId, 'e2' as EndpointId];

describe('the endpoint directory', () => {
  let folder: string;
  let store: SqliteEventStore;
  let directory: EndpointDirectory;
  const vault = new Vault(randomBytes(32));
  const encryptionKey = vault.newKey(`organization-${organizationId}`);
  const keyring = vault.keyring([encryptionKey], `organization-${organizationId}`);
  const cipher = keyring.cipherFor(`endpoint-${e1}`);

  /** Appends to the end of a stream. */
  const append = async (stream: string, ...events: DomainEvent[]) => {
    const revision = (await store.readStream(stream)).length - 1;
    const [done] = await store.append([
      {
        stream,
        expectedRevision: revision === -1 ? 'no-stream' : revision,
        events: events.map((event) => ({ ...event, id: newId(), metadata: { actor: 'test' } })),
      },
    ]);
    return done?.position ?? expect.fail();
  };
  const happen = async (stream: string, ...events: DomainEvent[]) => {
    const position = await append(stream, ...events);
    expect(await directory.progress.reached(position, 5000)).toBe(true);
    return position;
  };
  const add = (id: EndpointId, changed: Partial<EndpointSettings> = {}, more: Parameters<typeof registered>[1] = {}) =>
    happen(`endpoint-${id}`, registered(changed, more));
  const route = (type: string, data: JsonObject = {}) => finish(directory.route(organizationId, type, { data }, now));
  const destinations = (type: string, data?: JsonObject) => route(type, data).destinations.map(({ endpointId }) => endpointId);

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'directory-'));
    store = await SqliteEventStore.open({ directory: folder });
    await append(`organization-${organizationId}`, { type: 'organization.registered', data: { name: 'O', encryptionKey } });
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
  });
  afterEach(async () => {
    await directory.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  it('knows, once started, all that the log held', async () => {
    await add(e1);
    await append('message-1', accepted([e1]));
    const another = new EndpointDirectory(store, vault, silent);
    await another.start();
    expect(another.endpoint(e1)).toMatchObject({ id: e1, revision: 0, configuration: directory.endpoint(e1)?.configuration });
    expect(another.organization(organizationId)?.name).toBe('O');
    await another.stop();
  });

  it('does not start with another master key', async () => {
    const other = new EndpointDirectory(store, new Vault(randomBytes(32)), silent);
    await expect(other.start()).rejects.toThrow(SecretUnreadable);
    expect(other.failure).toBeInstanceOf(SecretUnreadable);
  });

  describe('routes a message', () => {
    it('by the name of its type', async () => {
      await add(e1, { eventTypes: ['alert.created'] });
      await add(e2, { eventTypes: ['alert.*'] });
      expect(destinations('alert.created')).toEqual([e1, e2]);
      expect(destinations('alert.resolved')).toEqual([e2]);
      expect(destinations('meeting.ended')).toEqual([]);
    });
    it('by the group that its type was given, or else that its name begins with', async () => {
      await add(e1, { eventTypes: ['alerts'] });
      await add(e2, { eventTypes: ['alert'] });
      expect(destinations('alert.created')).toEqual([e2]);
      const definition = { name: 'alert.created', group: 'alerts', description: null, sample: null };
      await happen(`organization-${organizationId}`, { type: 'organization.event-type-defined', data: definition });
      expect(destinations('alert.created')).toEqual([e1]);
      expect(directory.eventType(organizationId, 'alert.created')).toEqual({ ...definition, audience: 'PUBLIC', retired: false });
    });
    it('by what is in it', async () => {
      await add(e1, { filter: { severity: ['critical'] } });
      expect(destinations('a', { severity: 'critical' })).toEqual([e1]);
      expect(route('a', { severity: 'info' })).toMatchObject({ destinations: [], skipped: [] });
    });
    it('past the disabled ones, which it names, and to the paused ones', async () => {
      await add(e1, {}, { disabled: true });
      await add(e2);
      await happen(`endpoint-${e2}`, { type: 'endpoint.paused', data: {} });
      expect(route('a')).toMatchObject({ destinations: [{ endpointId: e2 }], skipped: [e1] });
    });
    it('for later where the policy’s first delay is not 0', async () => {
      await add(e1, { retryPolicy: { delaysSeconds: [90, 1], jitter: 0.5 } });
      await add(e2, { retryPolicy: { delaysSeconds: [], jitter: 0 } });
      expect(route('a').destinations).toEqual([
        { endpointId: e1, notBefore: '2026-01-01T12:01:30.000Z', delaySeconds: 90 },
        { endpointId: e2 },
      ]);
    });
    it('on the configuration up to the position that it names', async () => {
      const position = await add(e1);
      expect(route('a').routedAt).toBe(position);
    });
    it('within its organization', async () => {
      await add(e1);
      expect(finish(directory.route('other' as OrganizationId, 'a', { data: {} }, now)).destinations).toEqual([]);
    });
    it('by the configuration as it is now', async () => {
      await add(e1, { eventTypes: ['alert.created'] });
      expect(destinations('meeting.ended')).toEqual([]);
      await happen(`endpoint-${e1}`, { type: 'endpoint.subscription-changed', data: { eventTypes: ['meeting.*'], filter: null } });
      expect(destinations('meeting.ended')).toEqual([e1]);
      expect(destinations('alert.created')).toEqual([]);
      await happen(`endpoint-${e1}`, { type: 'endpoint.disabled', data: { reason: null } });
      expect(route('meeting.ended')).toMatchObject({ destinations: [], skipped: [e1] });
      await happen(`endpoint-${e1}`, { type: 'endpoint.deleted', data: {} });
      expect(route('meeting.ended')).toMatchObject({ destinations: [], skipped: [] });
      expect(directory.endpoint(e1)).toBeUndefined();
    });
  });

  it('tells of every change of an endpoint, after it', async () => {
    const told: string[] = [];
    directory.onEndpointChanged((id) => told.push(`${id} ${directory.endpoint(id)?.configuration.status}`));
    await add(e1);
    await happen(`endpoint-${e1}`, { type: 'endpoint.paused', data: {} }, { type: 'endpoint.deleted', data: {} });
    expect(told).toEqual(['e1 ENABLED', 'e1 PAUSED', 'e1 undefined']);
  });

  it('decrypts headers and secrets, the previous one as long as it has grace', async () => {
    const secret = cipher.seal('old', 'secret');
    await add(e1, { headers: [{ name: 'a', value: cipher.seal('plain', 'headers.a') }] }, { secret });
    expect(directory.endpoint(e1)?.headers).toEqual([{ name: 'a', value: 'plain' }]);
    const previousUntil = '2026-01-01T13:00:00.000Z';
    await happen(`endpoint-${e1}`, { type: 'endpoint.secret-rotated', data: { secret: cipher.seal('new', 'secret'), previousUntil } });
    const at = (time: string) => directory.endpoint(e1)?.secrets(new Date(time));
    expect(at('2026-01-01T12:59:59.999Z')).toEqual(['new', 'old']);
    expect(at(previousUntil)).toEqual(['new']);
    expect(directory.endpoint(e1)?.revision).toBe(1);
  });

  it('signs with the key of the organization where an endpoint uses it, as it is at that moment', async () => {
    await add(e1, { signature: 'SIGNATURE_SHA256', useOrganizationKey: true }, { secret: cipher.seal('its own', 'secret') });
    await add(e2, { signature: 'SIGNATURE_SHA256' }, { secret: keyring.cipherFor(`endpoint-${e2}`).seal('its own', 'secret') });
    const stream = `organization-${organizationId}`;
    const set = (key: string) =>
      happen(stream, { type: 'organization.signing-key-set', data: { key: keyring.cipherFor(stream).seal(key, 'signingKey') } });
    const secrets = () => [e1, e2].map((id) => directory.endpoint(id)?.secrets(now));
    expect(secrets()).toEqual([[], ['its own']]);
    await set('first');
    expect(secrets()).toEqual([['first'], ['its own']]);
    await set('second');
    expect(secrets()).toEqual([['second'], ['its own']]);
    expect(directory.organization(organizationId)?.signingKey).toBe('second');
    expect(Array.from(directory.endpoints(organizationId), ({ id }) => id)).toEqual([e1, e2]);
  });

  it('knows an API key by its hash until it is revoked', async () => {
    await happen('apikey-k1', { type: 'apikey.issued', data: { organizationId, name: 'ci', role: 'PUBLISHER', hash: 'ab' } });
    await happen('apikey-k2', { type: 'apikey.issued', data: { organizationId, name: 'x', role: 'VIEWER', hash: 'cd' } });
    expect(directory.apiKey('ab')).toMatchObject({ id: 'k1', organizationId, name: 'ci', role: 'PUBLISHER' });
    await happen('apikey-k1', { type: 'apikey.revoked', data: {} });
    expect(directory.apiKey('ab')).toBeUndefined();
    expect(directory.apiKey('cd')).toMatchObject({ id: 'k2' });
  });
});
