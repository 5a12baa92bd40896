// API key: identifies a client. Only the hash of the key is ever stored.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { notFound } from './errors.ts';
import { organizationId, type OrganizationId } from './ids.ts';
import { defaultOrganization } from './organization.ts';

/**
 * Admins may do everything. Operators run endpoints, deliveries, replays, sources and event types, and read the history: no keys, no secrets, no
 * publishing. Publishers publish. Viewers read, with secrets masked. Auditors read everything, including the history.
 */
export const apiKeyRoles = ['ADMIN', 'OPERATOR', 'PUBLISHER', 'VIEWER', 'AUDITOR'] as const;
export type ApiKeyRole = (typeof apiKeyRoles)[number];

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

export const apiKeyEvents = {
  'apikey.issued': z
    .object({
      organizationId,
      name: z.string(),
      role: z.enum(apiKeyRoles),
      hash: z.string().describe('Hex SHA-256 of the key. The key is long and random, so a fast hash is enough.'),
      spansOrganizations: z
        .boolean()
        .describe('It acts for any organization. Absent in older events: ADMIN keys of the organization `default` do.')
        .optional(),
      expiresAt: z.iso.datetime().optional().describe('It is no longer accepted from then on. Absent: it does not expire.'),
    })
    .describe('A key was issued. It was shown once and is stored nowhere.'),
  'apikey.revoked': z.object({}).describe('The key is no longer accepted.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type ApiKeyEvent = Of<typeof apiKeyEvents>;

/** Whether the key spans the installation. Older versions had one organization, whose admins could do everything. */
export const spansInstallation = ({
  spansOrganizations,
  role,
  organizationId: owner,
}: (ApiKeyEvent & { type: 'apikey.issued' })['data']): boolean => spansOrganizations ?? (role === 'ADMIN' && owner === defaultOrganization);

// ── State ──

export type ApiKey =
  { status: 'unknown' } | { status: 'valid' | 'revoked'; organizationId: OrganizationId; name: string; role: ApiKeyRole };

const evolve = (state: ApiKey, event: ApiKeyEvent): ApiKey => {
  switch (event.type) {
    case 'apikey.issued': {
      const { organizationId, name, role } = event.data;
      return { status: 'valid', organizationId, name, role };
    }
    case 'apikey.revoked':
      return state.status === 'unknown' ? state : { ...state, status: 'revoked' };
  }
};

// ── Decisions ──

export type ApiKeyCommand =
  | {
      type: 'IssueApiKey';
      organizationId: OrganizationId;
      name: string;
      role: ApiKeyRole;
      hash: string;
      /** Left out: as in events of older versions. */
      spansOrganizations?: boolean | undefined;
      expiresAt?: string | undefined;
    }
  | { type: 'RevokeApiKey'; organizationId: OrganizationId };

const decide = (command: ApiKeyCommand, state: ApiKey): readonly ApiKeyEvent[] => {
  switch (command.type) {
    case 'IssueApiKey': {
      const { organizationId, name, role, hash, spansOrganizations, expiresAt } = command;
      if (state.status !== 'unknown') return [];
      const scope = spansOrganizations === undefined ? {} : { spansOrganizations };
      const end = expiresAt === undefined ? {} : { expiresAt };
      return [{ type: 'apikey.issued', data: { organizationId, name, role, hash, ...scope, ...end } }];
    }
    case 'RevokeApiKey':
      if (state.status === 'unknown' || state.organizationId !== command.organizationId) throw notFound('There is no such API key.');
      return state.status === 'revoked' ? [] : [{ type: 'apikey.revoked', data: {} }];
  }
};

export const apiKey: Decider<ApiKeyCommand, ApiKeyEvent, ApiKey> = { initial: { status: 'unknown' }, evolve, decide };
