// What the table of organizations shows, and what can be done to one.
import { graphql } from '../../api/graphql.ts';

export const organizationRow = graphql(`
  fragment OrganizationRow on Organization @_unmask {
    id
    name
    status
    suspendedReason
    createdAt
    limits {
      messagesPerSecond
      endpoints
      waitingDeliveries
      payloadBytes
      portalSessionsPerHour
      payloadDays
      messageDays
    }
    usage {
      messagesLastDay
      refusedLastDay
      waitingDeliveries
      endpoints
    }
  }
`);

export const organizationsQuery = graphql(
  `
    query Organizations($after: String, $filter: OrganizationFilter) {
      organizations(first: 50, after: $after, filter: $filter) {
        nodes {
          ...OrganizationRow
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [organizationRow],
);

export const organizationsCount = graphql(`
  query OrganizationsCount($filter: OrganizationFilter) {
    organizations(first: 1, filter: $filter) {
      count {
        value
        exact
      }
    }
  }
`);

export const createOrganization = graphql(`
  mutation CreateOrganization($input: OrganizationInput!) {
    createOrganization(input: $input) {
      id
    }
  }
`);

export const updateOrganization = graphql(`
  mutation UpdateOrganization($id: ID!, $input: OrganizationPatch!) {
    updateOrganization(id: $id, input: $input) {
      id
    }
  }
`);

export const suspendOrganization = graphql(`
  mutation SuspendOrganization($id: ID!, $reason: String) {
    suspendOrganization(id: $id, reason: $reason) {
      id
    }
  }
`);

export const resumeOrganization = graphql(`
  mutation ResumeOrganization($id: ID!) {
    resumeOrganization(id: $id) {
      id
    }
  }
`);

export const deleteOrganization = graphql(`
  mutation DeleteOrganization($id: ID!, $confirmName: String!) {
    deleteOrganization(id: $id, confirmName: $confirmName)
  }
`);

export const openPortal = graphql(`
  mutation OpenPortal($input: PortalSessionInput!) {
    createPortalSession(input: $input) {
      url
    }
  }
`);
