// For which organization a call acts: its key's own, or, where the key spans the installation, the one that the request names.
import { asOrganizationId, type OrganizationId } from '../../domain/ids.ts';
import type { ApiKeyEntry } from '../../read-models/directory/api-key-index.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { Refusal } from '../refusal.ts';

/** Of HTTP requests. Over WebSockets it is `organization` in the payload of connection_init. */
export const organizationHeader = 'hookledger-organization';

/** As a header gives it: undefined if there is none. */
export type NamedOrganization = string | readonly string[] | undefined;

/** @throws Refusal FORBIDDEN to an organization's own key that names another, NOT_FOUND; ConfigurationUnavailable */
export const actingOrganization = (
  { organizationId, spansOrganizations }: Pick<ApiKeyEntry, 'organizationId' | 'spansOrganizations'>,
  named: NamedOrganization,
  directory: Pick<EndpointDirectory, 'organizations'>,
): OrganizationId => {
  if (named === undefined || named === organizationId) return organizationId;
  if (!spansOrganizations)
    throw new Refusal('FORBIDDEN', 'This API key or portal session acts for its own organization only; leave out the name of another one.');
  const id = asOrganizationId(String(named));
  if (!directory.organizations.has(id))
    throw new Refusal(
      'NOT_FOUND',
      `There is no organization ${JSON.stringify(id.slice(0, 128))}; \`organizations\` lists the ones that exist, and \`createOrganization\` makes one.`,
    );
  return id;
};
