// Masking of response headers: those that set credentials, and the secret parts of URLs in the others.
import { isSensitiveName, mask } from './header-masking.ts';
import { maskUrl, maskUrlsInText } from './url-masking.ts';

type Headers = Readonly<Record<string, string>>;

const isUrl = /^(content-)?location$/i;

const maskResponseHeader = (name: string, value: string): string => {
  if (isSensitiveName(name)) return mask;
  return isUrl.test(name) ? maskUrl(value) : maskUrlsInText(value);
};

export const maskResponseHeaders = (headers: Headers): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskResponseHeader(name, value)]));
