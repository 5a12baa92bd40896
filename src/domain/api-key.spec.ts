import { describe, expect, it } from 'vitest';
import { apiKey, spansInstallation, type ApiKeyCommand, type ApiKeyEvent } from './api-key.ts';
import { given } from './given.ts';
import type { OrganizationId } from './ids.ts';

const organizationId = 'default' as OrganizationId;
const key = { organizationId, name: 'ci', role: 'PUBLISHER', hash: 'ab' } as const;
const issued: ApiKeyEvent = { type: 'apikey.issued', data: key };
const revoked: ApiKeyEvent = { type: 'apikey.revoked', data: {} };

describe('an API key', () => {
  const history = given(apiKey);
  const issue: ApiKeyCommand = { type: 'IssueApiKey', ...key };
  const revoke: ApiKeyCommand = { type: 'RevokeApiKey', organizationId };

  it('is issued', () => history().when(issue).then(issued));
  it('is issued with the moment at which it expires', () => {
    const expiresAt = '2027-01-01T00:00:00.000Z';
    history()
      .when({ ...issue, expiresAt })
      .then({ type: 'apikey.issued', data: { ...key, expiresAt } });
  });
  it('is issued once', () =>
    history(issued)
      .when({ ...issue, role: 'ADMIN' })
      .thenNothing());
  it('is not issued again after it was revoked', () => history(issued, revoked).when(issue).thenNothing());
  it('is revoked', () => history(issued).when(revoke).then(revoked));
  it('is revoked once', () => history(issued, revoked).when(revoke).thenNothing());
  it('that nobody issued is not found', () =>
    history()
      .when(revoke)
      .thenRefused('NOT_FOUND', /no such API key/));
  it('of another organization is not found', () =>
    history(issued)
      .when({ type: 'RevokeApiKey', organizationId: 'other' as OrganizationId })
      .thenRefused('NOT_FOUND', /no such API key/));
});

describe('whether a key spans the installation', () => {
  const issued = { organizationId, name: 'ops', role: 'ADMIN', hash: 'h' } as const;
  it.each([
    ['it says so', { ...issued, role: 'VIEWER', spansOrganizations: true }, true],
    ['it says no', { ...issued, spansOrganizations: false }, false],
    ['an older version issued it to an admin of `default`', issued, true],
    ['an older version issued it with another role', { ...issued, role: 'PUBLISHER' }, false],
    ['an older version issued it to an admin of another organization', { ...issued, organizationId: 'other' as OrganizationId }, false],
  ] as const)('where %s', (_, data, spans) => expect(spansInstallation(data)).toBe(spans));
});
