// Portal session: a customer's short-lived right to see and change its own organization's endpoints. Its token is signed and stored nowhere; the
// stream records only that it was opened. One stream per session, so that opening many does not make the organization's own stream long.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { endpointId, organizationId } from './ids.ts';
import { portalCapabilities } from './portal-capability.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

export const portalSessionEvents = {
  'portalsession.opened': z
    .object({
      organizationId,
      subject: z.string().describe('Who looks. The actor `portal:<subject>` of what the session does.'),
      capabilities: z.array(z.enum(portalCapabilities)).readonly(),
      endpointIds: z
        .array(endpointId)
        .readonly()
        .optional()
        .describe('It sees only these endpoints. Absent: all of the organization, those made later too.'),
      expiresAt: z.string().describe('ISO 8601. It ends then, or when the sessions of its organization are ended.'),
    })
    .describe('A portal session was opened. Its token was shown once and is stored nowhere.'),
} as const;

export type PortalSessionOpened = {
  type: 'portalsession.opened';
  data: z.infer<(typeof portalSessionEvents)['portalsession.opened']>;
};
export type PortalSessionEvent = PortalSessionOpened;

// ── State ──

export type PortalSession = { readonly isOpened: boolean };

// ── Decisions ──

export type PortalSessionCommand = { readonly type: 'OpenPortalSession'; readonly session: PortalSessionOpened['data'] };

export const portalSession: Decider<PortalSessionCommand, PortalSessionEvent, PortalSession> = {
  initial: { isOpened: false },
  evolve: () => ({ isOpened: true }),
  decide: ({ session }, { isOpened }) => (isOpened ? [] : [{ type: 'portalsession.opened', data: session }]),
};
