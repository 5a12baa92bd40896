// The organization that the console acts for, as the address of the page says it; without it, the key's own. It changes only with a new load of the
// page, so nothing that was asked of one organization is shown, cached or watched under another.
import { parseSearch, stringifySearch } from '../routes.ts';

const parameter = 'organization';

export const organization = new URLSearchParams(location.search).get(parameter) || undefined;

/** Of requests that act for `id`. */
export const headersFor = (id = organization): Record<string, string> => ({
  'x-hookledger-console': '1',
  ...(id !== undefined && { 'hookledger-organization': id }),
});

/** Of `connection_init`. */
export const connectionParameters = (): Record<string, unknown> => (organization === undefined ? {} : { organization });

/** Pages don't see the parameter, and every link has it. */
export const parseOwnSearch = (text: string): Record<string, string> => {
  const { [parameter]: _, ...search } = parseSearch(text);
  return search;
};
export const stringifyOwnSearch = (search: Record<string, unknown>): string =>
  stringifySearch({ ...search, ...(organization !== undefined && { [parameter]: organization }) });

/** A page for another organization; for `undefined`, the key's own. Links to it load the page. */
export const addressFor = (id: string | undefined, path = '/'): string => `${path}${stringifySearch({ [parameter]: id })}`;
