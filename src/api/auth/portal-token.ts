// The token of a portal session: what it may, signed. Every replica checks it without a look-up, by a key that follows from the master key.
// Form: hlp_<JSON>.<endpoint ids, 16 bytes each>.<HMAC-SHA256 of all before>, each in base64url. With 100 endpoints it has about 2,500 characters.
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { endpointId, organizationId, type EndpointId, type OrganizationId } from '../../domain/ids.ts';
import { portalCapabilities, type PortalCapability } from '../../domain/portal-capability.ts';

export type PortalTokenContent = {
  readonly organizationId: OrganizationId;
  readonly subject: string;
  readonly capabilities: readonly PortalCapability[];
  /** Undefined: all of the organization. */
  readonly endpointIds: readonly EndpointId[] | undefined;
  /** Milliseconds since 1970, whole seconds. */
  readonly expiresAt: number;
  /** How often the organization's sessions had been ended when it was opened. */
  readonly counter: number;
};

/** For the vault: which keys sign and check tokens. */
export const portalKeyPurpose = 'portal sessions';

const prefix = 'hlp_';
/** Of any token: those of the most endpoints, the longest organization id and the longest subject. */
export const longestToken = 4_096;

export const isPortalToken = (token: string): boolean => token.startsWith(prefix);

const content = z.strictObject({
  o: organizationId,
  s: z.string(),
  c: z.array(z.enum(portalCapabilities)),
  x: z.int(),
  n: z.int(),
});

const bytesOfId = 16;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class PortalTokens {
  /** @param keys 32 bytes each: the one that signs, then those that are accepted as well. None: no session can be opened or used here. */
  constructor(private readonly keys: readonly Buffer[]) {}

  issue({ organizationId: o, subject, capabilities, endpointIds, expiresAt, counter }: PortalTokenContent): string {
    const [key] = this.keys;
    if (!key) throw new Error('No portal session can be opened here.');
    const json = JSON.stringify({ o, s: subject, c: capabilities, x: expiresAt / 1000, n: counter });
    const ids = (endpointIds ?? []).map((id) => Buffer.from(id.replaceAll('-', ''), 'hex'));
    const signed = `${prefix}${Buffer.from(json).toString('base64url')}.${Buffer.concat(ids).toString('base64url')}`;
    return `${signed}.${sign(key, signed).toString('base64url')}`;
  }

  /** @returns undefined for a token that no key here has signed */
  read(token: string): PortalTokenContent | undefined {
    const [, signed = '', json = '', ids = '', signature = ''] = /^(hlp_([\w-]+)\.([\w-]*))\.([\w-]{43})$/.exec(token) ?? [];
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== 32 || !this.keys.some((key) => timingSafeEqual(sign(key, signed), given))) return undefined;
    const { o, s, c, x, n } = content.parse(JSON.parse(Buffer.from(json, 'base64url').toString()));
    const bytes = Buffer.from(ids, 'base64url');
    const endpointIds = Array.from({ length: bytes.length / bytesOfId }, (_, i) =>
      idOf(bytes.subarray(i * bytesOfId, (i + 1) * bytesOfId)),
    );
    return {
      organizationId: o,
      subject: s,
      capabilities: c,
      endpointIds: endpointIds.length === 0 ? undefined : endpointIds,
      expiresAt: x * 1000,
      counter: n,
    };
  }
}

/** Whether a token can carry it. */
export const isCarriable = (id: string): boolean => uuid.test(id);

const idOf = (bytes: Buffer): EndpointId => endpointId.parse(bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));

const sign = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
