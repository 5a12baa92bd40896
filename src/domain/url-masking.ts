// Masking of URLs and of response headers: replaces the parts that may be credentials, such as the path of a chat hook or the query parameter `token`.
// A part is shown only if it looks harmless: plain words, short numbers, versions. Masking a masked URL changes nothing.
import { isSensitiveName, mask } from './header-masking.ts';

/** Scheme and authority are absent in a relative URL. */
const parts = /^(?:([a-z][a-z0-9+.-]*:)?\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;

/** Services whose URLs are credentials by themselves: all that follows the first segments of the path is secret. */
const chatHooks: readonly { readonly host: RegExp; readonly shown: number }[] = [
  { host: /^hooks\.slack(-gov)?\.com$/, shown: 1 },
  { host: /(^|\.)webhook\.office\.com$|^outlook\.office(365)?\.com$/, shown: 1 },
  { host: /^hooks\.zapier\.com$/, shown: 2 },
  { host: /(^|\.)(webhook\.site|pipedream\.net|requestbin\.com|make\.com|integromat\.com|ifttt\.com|telegram\.org)$/, shown: 0 },
];

const discord = /(^|\.)discord(app)?\.com$/;

/** Segments after which URLs of hooks carry ids and tokens, on any host. */
const hook = /^(hooks?|webhooks?|webhookb2|services|workflows|triggers|catch|integrations?)$/i;

/** The segment after one of these is about one person or is a secret. */
const owner =
  /^(u|users?|accounts?|customers?|clients?|tenants?|members?|people|persons?|profiles?|emails?|id|ids|code|sig|otp|pin|bots?|auth|access)$/i;

const secretParameter =
  /(^|[-_.[])(sig|code|otp|pin|hash|nonce|id|uid|u|user|users?name|login|e?mail|phone|account|customer|client|tenant|access|state|ticket|assertion)([-_.\]]|$)/i;
const isSecretParameter = (name: string) =>
  isSensitiveName(name) || secretParameter.test(name) || /(User|Account|Customer|Client|Tenant|Id|ID|Code|Sig)$/.test(name);

/** A word (`alerts`, `onCall`), a word with a short number (`v2`), or a short number. */
const plainPart = /^(?:[a-z]{1,16}|[A-Z]{1,12}|[A-Za-z][a-z]{1,15}(?:[A-Z][a-z]{1,14}){0,3}|[A-Za-z]{1,12}\d{1,3}|\d{1,6})$/;
const vowel = /[aeiouy]/i;
const isPlain = (text: string): boolean => {
  const words = text.split(/[-_., +:]/);
  return (
    text.length <= 64 &&
    words.length <= 8 &&
    words.every((word) => word === '' || (plainPart.test(word) && (word.length < 7 || /\d/.test(word) || vowel.test(word))))
  );
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Judges the segments of a path, each with those before and after it. */
const secretSegments = (segments: readonly string[], host: string): boolean[] => {
  const texts = segments.map(decoded);
  const chat = chatHooks.find((each) => each.host.test(host));
  const ofHook = texts.findIndex((text) => hook.test(text));
  // Behind a hook one segment that is no plain word makes all of them secret: the ids beside a token belong to it.
  const behind = ofHook === -1 ? [] : texts.slice(ofHook + 1).filter((text) => text !== '');
  const isChatHook = behind.length > 1 && (/^services$/i.test(texts[ofHook] ?? '') || discord.test(host));
  const isSecretBehind = isChatHook || behind.some((text) => !/^[a-z]{2,}([-_.][a-z]{2,})*$/i.test(text) || !isPlain(text));
  let named = 0;
  return texts.map((text, i) => {
    if (text === '') return false;
    named += 1;
    if (chat && named > chat.shown) return true;
    if (ofHook !== -1 && i > ofHook && isSecretBehind) return !hook.test(text);
    const before = texts[i - 1] ?? '';
    return !isPlain(text) || text.startsWith('~') || owner.test(before) || (before !== '' && isSensitiveName(before));
  });
};

type Masked = { readonly shown: string; readonly secrets: readonly string[] };

const take = (url: string): Masked => {
  const [matched, scheme = '', authority, path = '', query, fragment] = parts.exec(url) ?? [];
  if (matched === undefined) return { shown: mask, secrets: [url] };
  const secrets: string[] = [];
  const hide = (text: string) => {
    if (text !== mask && text !== '') secrets.push(text);
    return text === '' ? text : mask;
  };
  const at = authority?.lastIndexOf('@') ?? -1;
  const host = authority?.slice(at + 1) ?? '';
  const user = at === -1 ? '' : `${hide(authority?.slice(0, at) ?? '')}@`;
  const segments = path.split('/');
  const isSecret = secretSegments(segments, host.replace(/:\d*$/, '').toLowerCase());
  const shownPath = segments.map((segment, i) => (isSecret[i] ? hide(segment) : segment)).join('/');
  const maskParameter = (parameter: string) => {
    const equals = parameter.indexOf('=');
    if (equals === -1) return isPlain(decoded(parameter)) ? parameter : hide(parameter);
    const [name, value] = [parameter.slice(0, equals), parameter.slice(equals + 1)];
    return isSecretParameter(decoded(name)) || !isPlain(decoded(value)) ? `${name}=${hide(value)}` : parameter;
  };
  const shownQuery = query === undefined ? '' : `?${query.split('&').map(maskParameter).join('&')}`;
  const shownFragment = fragment === undefined ? '' : `#${hide(fragment)}`;
  return { shown: `${authority === undefined ? '' : `${scheme}//${user}${host}`}${shownPath}${shownQuery}${shownFragment}`, secrets };
};

/** The URL as it may be shown to everyone who may see that the endpoint exists. Takes relative URLs, too. */
export const maskUrl = (url: string): string => take(url).shown;

/** The parts of a URL that its shown form leaves out. */
export const secretPartsOf = (url: string): readonly string[] => take(url).secrets;

/** Masks every http URL in a sentence. */
export const maskUrlsInText = (text: string): string =>
  text.replace(/https?:\/\/[^\s"'<>`\\]+/gi, (found) => {
    const url = found.replace(/[.,;:!?)\]]+$/, '');
    return `${maskUrl(url)}${found.slice(url.length)}`;
  });

// ── Response headers: those that set credentials are masked whole, and the secret parts of URLs in the others. ──

type Headers = Readonly<Record<string, string>>;

const isUrl = /^(content-)?location$/i;

const maskResponseHeader = (name: string, value: string): string => {
  if (isSensitiveName(name)) return mask;
  return isUrl.test(name) ? maskUrl(value) : maskUrlsInText(value);
};

export const maskResponseHeaders = (headers: Headers): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, maskResponseHeader(name, value)]));
