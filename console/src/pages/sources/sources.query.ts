// What the page of sources shows and changes.
import { graphql } from '../../api/graphql.ts';

const sourceParts = graphql(`
  fragment SourceParts on Source @_unmask {
    id
    name
    status
    streamPrefix
    category
    eventTypes
    position
    lagSeconds
    error
    published
    skipped
    createdAt
  }
`);

export const sourcesQuery = graphql(
  `
    query Sources {
      sources {
        ...SourceParts
      }
    }
  `,
  [sourceParts],
);

export const skippedEventsQuery = graphql(`
  query SkippedEvents($sourceId: ID!, $after: String) {
    skippedEvents(sourceId: $sourceId, first: 25, after: $after) {
      nodes {
        id
        stream
        revision
        type
        reason
        skippedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const createSource = graphql(
  `
    mutation CreateSource($input: SourceInput!) {
      createSource(input: $input) {
        ...SourceParts
      }
    }
  `,
  [sourceParts],
);

export const pauseSource = graphql(
  `
    mutation PauseSource($id: ID!) {
      pauseSource(id: $id) {
        ...SourceParts
      }
    }
  `,
  [sourceParts],
);

export const resumeSource = graphql(
  `
    mutation ResumeSource($id: ID!) {
      resumeSource(id: $id) {
        ...SourceParts
      }
    }
  `,
  [sourceParts],
);

export const deleteSource = graphql(`
  mutation DeleteSource($id: ID!) {
    deleteSource(id: $id)
  }
`);
