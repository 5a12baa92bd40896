// The secrets of endpoints: how they get to the log, which signatures they fit, and the organization's own key.
import { describe, expect, it, vi } from 'vitest';
import { organizationId } from '../../test/support/samples.ts';
import { endpointEvents } from '../domain/endpoint-events.ts';
import { endpointStream, organizationStream } from '../domain/streams.ts';
import { ResetSigningKey, ResetSigningKeyHandler } from './organization-commands.ts';
import {
  caller,
  stranger,
  store,
  directory,
  executor,
  vault,
  setUp,
  shown,
  create,
  update,
  setStatus,
  rotate,
  secretsOf,
  rawLog,
  record,
  lengthOf,
} from '../../test/support/given-endpoints.ts';

describe('the commands on endpoints', () => {
  setUp();

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
});
