// What the settings ask and change. The signing key is asked for only when somebody wants to see it, as each look is recorded.
import { graphql } from '../../api/graphql.ts';

export const signingKeyQuery = graphql(`
  query SigningKey {
    organization {
      id
      signingKey
    }
  }
`);

export const signedEndpoints = graphql(`
  query SignedEndpoints {
    endpoints(first: 200) {
      nodes {
        id
        name
        useOrganizationKey
        signature
      }
    }
  }
`);

export const resetSigningKey = graphql(`
  mutation ResetSigningKey {
    resetSigningKey {
      id
    }
  }
`);

export const apiKeysQuery = graphql(`
  query ApiKeys {
    apiKeys(first: 200) {
      nodes {
        id
        name
        role
        spansOrganizations
        createdAt
        createdBy
        lastUsedAt
        expiresAt
      }
    }
  }
`);

export const issueApiKey = graphql(`
  mutation IssueApiKey($name: String!, $role: ApiKeyRole!, $expiresAt: DateTime) {
    issueApiKey(name: $name, role: $role, expiresAt: $expiresAt) {
      id
      name
      key
    }
  }
`);

export const revokeApiKey = graphql(`
  mutation RevokeApiKey($id: ID!) {
    revokeApiKey(id: $id)
  }
`);

export const portalSettingsQuery = graphql(`
  query PortalSettings {
    portalSettings {
      name
      logo
      primaryColor
      colorScheme
    }
  }
`);

export const updatePortalSettings = graphql(`
  mutation UpdatePortalSettings($input: PortalSettingsInput!) {
    updatePortalSettings(input: $input) {
      name
      logo
      primaryColor
      colorScheme
    }
  }
`);
