// What the portal asks first: what the session may, until when, and how the organization's portal looks.
import { graphql, type ResultOf } from '../api/graphql.ts';

export const openingQuery = graphql(`
  query PortalOpening {
    me {
      kind
      capabilities
      endpointIds
      expiresAt
      organization {
        id
        name
      }
    }
    portalSettings {
      name
      logo
      primaryColor
      colorScheme
    }
  }
`);

export type Opening = ResultOf<typeof openingQuery>;

/** What is on the page belongs to it. A token for something else begins a new page. */
export const identityOf = ({ me: { organization, capabilities, endpointIds } }: Opening): string =>
  JSON.stringify([organization.id, capabilities.toSorted(), endpointIds?.toSorted()]);

const switchedOffWords = {
  VIEW_PAYLOADS: 'seeing contents',
  MANAGE_ENDPOINTS: 'changing endpoints',
  VIEW_SECRETS: 'seeing secrets',
  SEND_TESTS: 'sending tests',
  RETRY: 'retrying',
} as const;

/** One line, or nothing where nothing is switched off. */
export const switchedOff = ({ me: { capabilities, endpointIds } }: Opening): string | undefined => {
  const words: string[] = Object.entries(switchedOffWords).flatMap(([capability, word]) =>
    capabilities.some((each) => each === capability) ? [] : [word],
  );
  if (endpointIds !== null && capabilities.includes('MANAGE_ENDPOINTS')) words.push('making endpoints');
  const list = new Intl.ListFormat('en', { type: 'conjunction' }).format(words);
  const limit =
    endpointIds === null ? '' : `It shows ${endpointIds.length === 1 ? 'one endpoint' : `${endpointIds.length} endpoints`} only.`;
  return list === '' && limit === '' ? undefined : [list && `Switched off in this session: ${list}.`, limit].filter(Boolean).join(' ');
};
