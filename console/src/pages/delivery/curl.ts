// An attempt as a command for a shell. What signs stays out of it: the signature is of that moment, and the secret is `$SECRET`.
import type { Json } from '../../api/graphql.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Set by curl itself. */
const ownHeaders = new Set(['content-length', 'host', 'connection', 'transfer-encoding', 'accept-encoding']);
const isMasked = (value: string): boolean => /\*{3,}|•{3,}/.test(value);

export const asCurl = (attempt: { readonly url: string; readonly requestHeaders: Json; readonly requestBody: string | null }): string => {
  const headers =
    typeof attempt.requestHeaders === 'object' && attempt.requestHeaders !== null ? Object.entries(attempt.requestHeaders) : [];
  const lines = headers
    .filter(([name]) => !ownHeaders.has(name.toLowerCase()))
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      // In double quotes, so that the shell puts the secret there.
      return isMasked(text) ? `-H "${name}: $SECRET"` : `-H ${quoted(`${name}: ${text}`)}`;
    });
  const body = attempt.requestBody === null ? [] : [`--data-binary ${quoted(attempt.requestBody)}`];
  return [`curl -X POST ${quoted(attempt.url)}`, ...lines, ...body].join(' \\\n  ');
};
