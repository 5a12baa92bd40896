import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { harmlessUrl, organizationId, settings as stored } from '../../test/support/samples.ts';
import { silent } from '../../test/support/silent.ts';
import type { DomainEvent } from '../domain/catalog.ts';
import { endpointEvents } from '../domain/endpoint-events.ts';
import type { PlainSettings, PlainSettingsPatch } from '../domain/endpoint-settings.ts';
import { mask } from '../domain/header-masking.ts';
import { endpointId, type EndpointId, type OrganizationId, type Position } from '../domain/ids.ts';
import { endpointStream, organizationStream } from '../domain/streams.ts';
import { newId } from '../event-store/id-generation.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { Vault } from '../secrets/vault.ts';
import type { Caller } from './caller.ts';
import {
  CreateEndpoint,
  CreateEndpointHandler,
  RotateEndpointSecret,
  RotateEndpointSecretHandler,
  SetEndpointStatus,
  SetEndpointStatusHandler,
  TestEndpoint,
  TestEndpointHandler,
  UpdateEndpoint,
  UpdateEndpointHandler,
} from './endpoint-commands.ts';
import { CommandExecutor } from './command-executor.ts';
import {
  DefineEventType,
  DefineEventTypeHandler,
  ResetSigningKey,
  ResetSigningKeyHandler,
  RetireEventType,
  RetireEventTypeHandler,
} from './organization-commands.ts';

const caller: Caller = { organizationId, actor: 'apikey:admin', correlationId: 'r1' };
const stranger: Caller = { ...caller, organizationId: 'other' as OrganizationId };

describe('the commands on endpoints', () => {
  let folder: string;
  let store: SqliteEventStore;
  let directory: EndpointDirectory;
  let executor: CommandExecutor;
  let vault: Vault;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'endpoint-commands-'));
    store = await SqliteEventStore.open({ directory: folder });
    vault = new Vault(randomBytes(32));
    await store.append(
      [organizationId, stranger.organizationId].map((id) => {
        const event = {
          type: 'organization.registered',
          data: { name: id, encryptionKey: vault.newKey(`organization-${id}`) },
        } as const;
        const events = [{ ...event, id: newId(), metadata: { actor: 'test' } }];
        return { stream: `organization-${id}`, expectedRevision: 'no-stream' as const, events };
      }),
    );
    directory = new EndpointDirectory(store, vault, silent);
    await directory.start();
    executor = new CommandExecutor(store);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await directory.stop();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const shown = async <T extends { position: Position | undefined }>(done: Promise<T>): Promise<T> => {
    const it = await done;
    if (it.position !== undefined && it.position > (directory.progress.position ?? '')) await directory.progress.reached(it.position, 100);
    return it;
  };
  const settings: PlainSettings = { ...stored, url: stored.url.shown };
  const typesOf = async (id: EndpointId) => (await store.readStream(`endpoint-${id}`)).map(({ type }) => type);
  const create = async (changed: Partial<PlainSettings> = {}, secret?: string, disabled = false) => {
    const handler = new CreateEndpointHandler(executor, directory);
    const { endpointId } = await shown(handler.execute(new CreateEndpoint(caller, { ...settings, ...changed }, secret, disabled)));
    return endpointId;
  };
  const update = (id: EndpointId, changed: PlainSettingsPatch, by = caller) =>
    shown(new UpdateEndpointHandler(executor, directory).execute(new UpdateEndpoint(by, id, changed)));
  const setStatus = (id: EndpointId, change: SetEndpointStatus['change'], by = caller) =>
    shown(new SetEndpointStatusHandler(executor, directory).execute(new SetEndpointStatus(by, id, change)));
  const rotate = (id: EndpointId, secret?: string, graceSeconds = 60, by = caller) =>
    shown(new RotateEndpointSecretHandler(executor, directory).execute(new RotateEndpointSecret(by, id, secret, graceSeconds)));
  const test = (id: EndpointId, eventType?: string, by = caller) =>
    new TestEndpointHandler(executor, directory).execute(new TestEndpoint(by, id, eventType));
  const secretsOf = (id: EndpointId, at = new Date()) => directory.endpoint(id)?.secrets(at);
  const rawLog = () =>
    Buffer.concat(
      readdirSync(folder)
        .filter((file) => file.startsWith('log.db'))
        .map((file) => readFileSync(join(folder, file))),
    );

  it('keep routing keys out of the log, and at hand for attempts', async () => {
    const routingKey = 'R0123456789abcdefghijklmnopqrstu';
    const id = await create({ format: 'PAGERDUTY', formatOptions: { routingKey } });
    expect(directory.endpoint(id)?.formatOptions).toEqual({ routingKey });
    await update(id, { formatOptions: { routingKey: routingKey.toUpperCase() } });
    expect(directory.endpoint(id)?.formatOptions).toEqual({ routingKey: routingKey.toUpperCase() });
    await update(id, { name: 'B', formatOptions: {} });
    expect(directory.endpoint(id)?.formatOptions).toEqual({ routingKey: routingKey.toUpperCase() });
    expect(rawLog()).not.toContain(routingKey);
    expect(rawLog()).not.toContain(routingKey.toUpperCase());
  });

  const record = async (stream: string, event: DomainEvent) => {
    const { length } = await store.readStream(stream);
    const events = [{ ...event, id: newId(), metadata: { actor: 'test' } }];
    const [done] = await store.append([{ stream, expectedRevision: length - 1, events }]);
    if (done) await directory.progress.reached(done.position, 1000);
  };
  const lengthOf = async (id: EndpointId) => (await store.readStream(endpointStream(id))).length;

  it('record nothing for secrets that are as they were, also after the data key was rotated', async () => {
    const routingKey = 'R0123456789abcdefghijklmnopqrstu';
    const headers = [
      { name: 'Authorization', value: 'Token hush' },
      { name: 'x-tag', value: 'a' },
      { name: 'X-Tag', value: 'b' },
    ];
    const same = { headers, formatOptions: { routingKey } };
    const id = await create({ format: 'PAGERDUTY', ...same }, 'the secret');
    const organization = organizationStream(organizationId);
    await shown(new ResetSigningKeyHandler(executor, directory).execute(new ResetSigningKey(caller, 'the key')));
    await record(organization, { type: 'organization.encryption-key-rotated', data: { encryptionKey: vault.newKey(organization) } });
    const { length } = await store.readStream(organization);
    await update(id, same);
    await rotate(id, 'the secret');
    await shown(new ResetSigningKeyHandler(executor, directory).execute(new ResetSigningKey(caller, 'the key')));
    expect(await lengthOf(id)).toBe(1);
    expect((await store.readStream(organization)).length).toBe(length);
    await update(id, { headers: [...headers.slice(1), { name: 'Authorization', value: 'Token hush!' }] });
    await rotate(id, 'another secret');
    expect(await lengthOf(id)).toBe(3);
    expect(directory.endpoint(id)?.headers.map(({ value }) => value)).toEqual(['a', 'b', 'Token hush!']);
    expect(secretsOf(id)).toEqual(['another secret', 'the secret']);
  });

  it('write cipher texts that do not open anywhere else in the log', async () => {
    const [a, b] = [await create({ headers: [{ name: 'a', value: 'hush' }] }, 'secret of a'), await create({}, 'secret of b')];
    const [{ data } = expect.fail()] = await store.readStream(endpointStream(a));
    const { secret, headers } = endpointEvents['endpoint.registered'].parse(data);
    await record(endpointStream(b), { type: 'endpoint.secret-rotated', data: { secret: secret ?? '', previousUntil: '' } });
    expect(() => secretsOf(b)).toThrow(/not written for secret of endpoint-/);
    await record(endpointStream(a), {
      type: 'endpoint.headers-changed',
      data: { headers: [{ name: 'b', value: headers[0]?.value ?? '' }] },
    });
    expect(() => directory.endpoint(a)?.headers).toThrow(/not written for headers.b of endpoint-/);
  });

  it('make a secret where the signature needs one and none is given', async () => {
    expect(secretsOf(await create())).toEqual([]);
    expect(secretsOf(await create({ signature: 'WEBHOOK_SHA256' }))).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
    expect(secretsOf(await create({ signature: 'SIGNATURE_SHA256', useOrganizationKey: true }))).toEqual([]);
    expect(secretsOf(await create({ signature: 'WEBHOOK_SHA256' }, 'my own secret'))).toEqual(['my own secret']);
    expect(secretsOf(await create({}, 'for later'))).toEqual(['for later']);
  });

  it('make a secret of the form that the signature takes', async () => {
    const form = { STANDARD_WEBHOOKS: /^whsec_[\w+/]{43}=$/, STANDARD_WEBHOOKS_ED25519: /^whsk_[\w+/]{86}==$/ };
    for (const [signature, expected] of Object.entries(form) as [keyof typeof form, RegExp][]) {
      const id = await create({ signature });
      const [made] = secretsOf(id) ?? [];
      expect(made).toMatch(expected);
      await rotate(id);
      expect(secretsOf(id)).toEqual([expect.stringMatching(expected), made]);
      expect(secretsOf(id)?.[0]).not.toBe(made);
    }
  });

  describe('and a secret that does not fit the signature', () => {
    const whsec = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const refused = async (attempt: Promise<unknown>, path: string, message: RegExp) => {
      const tip = await store.tip();
      await expect(attempt).rejects.toMatchObject({ code: 'BAD_USER_INPUT', issues: [{ path, message: expect.stringMatching(message) }] });
      expect(await store.tip()).toBe(tip);
    };

    it('refuse it when it is given', async () => {
      await refused(
        create({ signature: 'STANDARD_WEBHOOKS' }, 'text'),
        'secret',
        /can't sign by STANDARD_WEBHOOKS: it must begin with whsec_.*Leave it out/,
      );
      await refused(create({ signature: 'STANDARD_WEBHOOKS' }, 'whsec_c2hvcnQ='), 'secret', /5 bytes; it must be that of 24 to 64/);
      await refused(create({ signature: 'STANDARD_WEBHOOKS_ED25519' }, whsec), 'secret', /must begin with whsk_/);
      const id = await create({ signature: 'STANDARD_WEBHOOKS' }, whsec);
      await refused(rotate(id, 'text'), 'secret', /must begin with whsec_/);
      expect(secretsOf(id)).toEqual([whsec]);
    });
    it('refuse the signature that it can’t sign by, and say how to come there', async () => {
      const id = await create({}, 'text');
      await refused(
        update(id, { signature: 'STANDARD_WEBHOOKS' }),
        'signature',
        /must begin with whsec_.*\. Rotate the secret to one that fits, then choose/,
      );
      await update(id, { signature: 'WEBHOOK_SHA256' });
      await rotate(id, whsec);
      await update(id, { signature: 'STANDARD_WEBHOOKS' });
      await refused(
        update(id, { signature: 'STANDARD_WEBHOOKS_ED25519' }),
        'signature',
        /must begin with whsk_.*\. Pause the endpoint, choose NONE/,
      );
      expect(directory.endpoint(id)?.configuration.settings.signature).toBe('STANDARD_WEBHOOKS');
    });
    it('leave everything else to be changed', async () => {
      const id = await create({ signature: 'NONE' }, 'text');
      await update(id, { name: 'Renamed' });
      await rotate(id, 'another text');
      expect(directory.endpoint(id)?.configuration.settings.name).toBe('Renamed');
    });
    it('refuse it also where another changed the signature in the same moment', async () => {
      const id = await create({ signature: 'WEBHOOK_SHA256' }, whsec);
      const read = vi.spyOn(store, 'readStream');
      // What the rotation reads is what the change, a moment before it, has not been written to yet.
      const before = await store.readStream(`endpoint-${id}`);
      await update(id, { signature: 'STANDARD_WEBHOOKS' });
      read.mockResolvedValueOnce(before);
      await refused(rotate(id, 'text'), 'secret', /can't sign by STANDARD_WEBHOOKS/);
      expect(secretsOf(id)).toEqual([whsec]);
    });
  });

  describe('and the organization’s signing key', () => {
    const whsec = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const reset = (key?: string, by = caller) =>
      shown(new ResetSigningKeyHandler(executor, directory).execute(new ResetSigningKey(by, key)));
    const uses = { useOrganizationKey: true } as const;

    it('sign with it, and with another from the reset on', async () => {
      await reset('first');
      const id = await create({ signature: 'SIGNATURE_SHA256', ...uses });
      expect(secretsOf(id)).toEqual(['first']);
      await reset();
      expect(secretsOf(id)).toEqual([expect.stringMatching(/^whsec_[\w+/]{43}=$/)]);
      await reset('second');
      expect(secretsOf(id)).toEqual(['second']);
      expect(rawLog().includes('second')).toBe(false);
      expect(directory.organization(stranger.organizationId)?.signingKey).toBeNull();
    });
    it('sign by STANDARD_WEBHOOKS where it has that form', async () => {
      const refused = {
        code: 'BAD_USER_INPUT',
        issues: [{ path: 'useOrganizationKey', message: expect.stringMatching(/whsec_.*Reset the key/) }],
      };
      await reset('text');
      await expect(create({ signature: 'STANDARD_WEBHOOKS', ...uses })).rejects.toMatchObject(refused);
      const id = await create({ signature: 'WEBHOOK_SHA256', ...uses });
      await expect(update(id, { signature: 'STANDARD_WEBHOOKS' })).rejects.toMatchObject(refused);
      await reset(whsec);
      await update(id, { signature: 'STANDARD_WEBHOOKS' });
      expect(secretsOf(id)).toEqual([whsec]);
    });
    it('refuse a key that an endpoint could not sign with', async () => {
      await reset();
      const id = await create({ name: 'Strict', signature: 'STANDARD_WEBHOOKS', ...uses });
      const tip = await store.tip();
      await expect(reset('text')).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        issues: [
          { path: 'key', message: expect.stringMatching(/^The endpoint "Strict" signs with this key by STANDARD_WEBHOOKS: .*whsec_/) },
        ],
      });
      expect(await store.tip()).toBe(tip);
      await reset('text', stranger);
      await setStatus(id, { type: 'Delete' });
      await reset('text');
    });
    it('come to a secret of their own when that fits', async () => {
      await reset();
      const id = await create({ signature: 'STANDARD_WEBHOOKS', ...uses });
      await expect(update(id, { useOrganizationKey: false })).rejects.toMatchObject({
        issues: [{ message: expect.stringMatching(/needs a secret/) }],
      });
      await rotate(id);
      expect(secretsOf(id)).toEqual([directory.organization(organizationId)?.signingKey]);
      await update(id, { useOrganizationKey: false });
      expect(secretsOf(id)).toEqual([expect.stringMatching(/^whsec_/)]);
      expect(secretsOf(id)).not.toEqual([directory.organization(organizationId)?.signingKey]);
    });
  });

  describe('given back as they were shown', () => {
    const url = 'https://receiver.example/services/T/B/hush?team=ops';
    const shownUrl = `https://receiver.example/services/${mask}/${mask}/${mask}?team=ops`;
    const headers = [
      { name: 'X-Odd', value: 'one' },
      { name: 'X-Team', value: 'two' },
    ];

    it('a masked URL and masked header values stay', async () => {
      const id = await create({ url, headers });
      await update(id, { name: 'Renamed', url: shownUrl, headers: [{ name: 'x-team', value: null }] });
      expect(directory.endpoint(id)).toMatchObject({ url, shownUrl, headers: [{ name: 'x-team', value: 'two' }] });
      await expect(update(id, { url: shownUrl.replace('ops', 'dev') })).rejects.toMatchObject({ issues: [{ path: 'url' }] });
      await expect(update(id, { headers: [{ name: 'X-Other', value: null }] })).rejects.toMatchObject({
        issues: [{ path: 'headers.0.value' }],
      });
      expect(await typesOf(id)).toEqual(['endpoint.registered', 'endpoint.renamed', 'endpoint.headers-changed']);
    });

    it('a URL that an older version stored readable is not set again to be the same', async () => {
      const id = endpointId.parse(newId());
      const data = { ...stored, url: harmlessUrl(url), organizationId, secret: null, disabled: false };
      const events = [{ type: 'endpoint.registered', data, id: newId(), metadata: { actor: 'test' } }] as const;
      await shown(
        store.append([{ stream: `endpoint-${id}`, expectedRevision: 'no-stream', events }]).then(([at]) => ({ position: at?.position })),
      );
      expect(directory.endpoint(id)).toMatchObject({ url, shownUrl });
      await update(id, { url });
      await update(id, { url: shownUrl });
      expect(await typesOf(id)).toEqual(['endpoint.registered']);
    });
  });

  it('never let a secret, the value of a header or the secret part of a URL into the log', async () => {
    const url = 'https://find.me.example/services/hush-T/hush-B/hush-x?token=hush-five';
    const id = await create({ url, headers: [{ name: 'Authorization', value: 'Token hush-one' }] }, 'hush-two');
    await update(id, { headers: [{ name: 'Authorization', value: 'Token hush-three' }] });
    await rotate(id, 'hush-four');
    expect(directory.endpoint(id)?.headers).toEqual([{ name: 'Authorization', value: 'Token hush-three' }]);
    expect(secretsOf(id)).toEqual(['hush-four', 'hush-two']);
    expect(directory.endpoint(id)?.url).toBe(url);
    await update(id, { url: `${url}-six` });
    expect(directory.endpoint(id)?.url).toBe(`${url}-six`);
    const raw = rawLog();
    expect(raw.includes('find.me.example')).toBe(true);
    expect(raw.includes('hush')).toBe(false);
  });

  it('change nothing when the same headers or the same secret are set again', async () => {
    const headers = [{ name: 'Authorization', value: 'Token x' }];
    const id = await create({ headers }, 's');
    const tip = await store.tip();
    await update(id, { headers });
    await rotate(id, 's');
    expect(await store.tip()).toBe(tip);
  });

  it('rotate a secret, and let the previous one go on for the time of grace', async () => {
    const id = await create({ signature: 'WEBHOOK_SHA256' }, 'old');
    await rotate(id, undefined, 60);
    const [made, ...rest] = secretsOf(id) ?? [];
    expect(made).toMatch(/^[\w-]{43}$/);
    expect(rest).toEqual(['old']);
    expect(secretsOf(id, new Date(Date.now() + 61_000))).toEqual([made]);
  });

  it('pause, resume, disable, enable and delete', async () => {
    const id = await create({}, undefined, true);
    const status = () => directory.endpoint(id)?.configuration.status;
    expect(status()).toBe('DISABLED');
    for (const [type, expected] of [
      ['Enable', 'ENABLED'],
      ['Pause', 'PAUSED'],
      ['Resume', 'ENABLED'],
      ['Delete', undefined],
    ] as const) {
      await setStatus(id, { type });
      expect(status()).toBe(expected);
    }
    await expect(update(id, { name: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('find no endpoint of another organization', async () => {
    const id = await create({}, 's');
    const tip = await store.tip();
    for (const attempt of [
      () => update(id, { name: 'mine' }, stranger),
      () => setStatus(id, { type: 'Delete' }, stranger),
      () => rotate(id, 'mine', 0, stranger),
      () => test(id, undefined, stranger),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(`no endpoint "${id}"`) });
    expect(await store.tip()).toBe(tip);
  });

  describe('and a test', () => {
    const define = async (name: string, group: string, sample: { [key: string]: string } | null = null) =>
      shown(
        new DefineEventTypeHandler(executor).execute(
          new DefineEventType(caller, { name, group, description: null, sample, audience: 'PUBLIC', shared: false }),
        ),
      );
    const testMessage = async (id: EndpointId, eventType?: string) => {
      const { position } = await test(id, eventType);
      for await (const batch of store.follow(undefined, { signal: AbortSignal.timeout(5000) })) {
        const event = batch.find((each) => each.position === position);
        if (event?.type === 'message.accepted') return event.data;
      }
      throw new Error('no message');
    };

    it('sends the sample of the type that is asked for, to this endpoint alone, whatever its status', async () => {
      await define('alert.created', 'alerts', { severity: 'critical' });
      const id = await create({ eventTypes: ['meeting.ended'] }, undefined, true);
      await create();
      expect(await testMessage(id, 'alert.created')).toMatchObject({
        type: 'alert.created',
        data: { severity: 'critical' },
        destinations: [{ endpointId: id }],
        test: true,
      });
    });
    it('picks a type that the endpoint subscribes to by name', async () => {
      const id = await create({ eventTypes: ['alerts', 'x.*', 'meeting.ended'] });
      expect(await testMessage(id)).toMatchObject({ type: 'meeting.ended', data: { message: 'This is a test delivery.' } });
    });
    it('else one that is defined, not retired, and subscribed to', async () => {
      await define('alert.old', 'alerts');
      await define('meeting.ended', 'meetings');
      await define('alert.created', 'alerts', { a: 'b' });
      await shown(new RetireEventTypeHandler(executor, directory).execute(new RetireEventType(caller, 'alert.old')));
      expect(await testMessage(await create({ eventTypes: ['alerts'] }))).toMatchObject({ type: 'alert.created', data: { a: 'b' } });
    });
    it('else a type of its own', async () =>
      expect(await testMessage(await create({ eventTypes: ['alerts'] }))).toMatchObject({ type: 'endpoint.test' }));
  });
});
