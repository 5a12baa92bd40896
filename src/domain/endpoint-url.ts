// An endpoint's URL as the log holds it, and which of its forms is shown to whom.
import * as z from 'zod';
import { badInput } from './errors.ts';
import { mask } from './header-masking.ts';
import { urlField } from './secret-fields.ts';
import { maskUrl } from './url-masking.ts';

// ── Part of the storage format of endpoints ──

export const endpointUrl = z.object({
  shown: z.string().describe('The URL; if `encrypted` is there, with its secret parts masked.'),
  encrypted: z.string().nullable().describe('The whole URL, encrypted; null if nothing in it is secret. Older versions encrypted none.'),
});
export type EndpointUrl = z.infer<typeof endpointUrl>;

/** Encrypts and decrypts the fields of one stream. */
type Cipher = {
  readonly seal: (plain: string, field: string) => string;
  readonly open: (sealed: string, field: string) => string;
};

/** In a patch: the URL stays. `shown` is the form that the caller was shown. */
export type KeptUrl = { readonly kept: string };

/** The form for callers who may not see secrets. */
export const shownUrlOf = ({ shown }: EndpointUrl): string => maskUrl(shown);

/** The whole URL. */
export const openUrl = ({ shown, encrypted }: EndpointUrl, cipher: Pick<Cipher, 'open'>): string =>
  encrypted === null ? shown : cipher.open(encrypted, urlField);

/** As the log holds it. */
export const sealUrl = (url: string, cipher: Pick<Cipher, 'seal'>): EndpointUrl => {
  const shown = maskUrl(url);
  return { shown, encrypted: shown === url ? null : cipher.seal(url, urlField) };
};

/** Programs that parse URLs write the mask percent-encoded. */
const encodedMask = encodeURIComponent(mask);
const decodeMasks = (url: string): string => url.replaceAll(encodedMask, mask);

export const isMaskedUrl = (url: string): boolean => decodeMasks(url).includes(mask);

/** @throws DomainError if it is the shown form of another URL */
export const keepUrl = (from: EndpointUrl, to: EndpointUrl | KeptUrl): EndpointUrl => {
  if (!('kept' in to)) return to;
  if (decodeMasks(to.kept) === shownUrlOf(from)) return from;
  throw badInput(
    'url',
    `The URL holds ${mask}, which stands for a secret; give the whole URL, or exactly the one that is shown to keep it.`,
  );
};
