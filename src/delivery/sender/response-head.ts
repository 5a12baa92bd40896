// The head of a response: status line and headers of HTTP/1.x, as RFC 9112 has a user agent read them. Pure.
// It accepts what has one meaning, even where a server should not have sent it, because a 2xx that can be read is a success. Whatever is unusual makes the
// head untidy: after an untidy response the connection is not used again, so nothing that was misread can pass for the answer to another request.
import { isUtf8 } from 'node:buffer';

/** How the body ends. `unreadable`: the head says it in a way that has no meaning. */
export type BodyEnd =
  | { readonly by: 'head' }
  | { readonly by: 'length'; readonly length: number }
  | { readonly by: 'last-chunk' }
  | { readonly by: 'close' }
  | { readonly by: 'unreadable'; readonly lengths: string };

export type ResponseHead = {
  /** 100 to 999 */
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. Several values of one name are joined by ", ". No value holds a control character other than a tab. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyEnd: BodyEnd;
  /** The connection may carry another request after this response. */
  readonly keepsConnection: boolean;
  /** The first of each: joined values would mean nothing. */
  readonly location: string | undefined;
  readonly retryAfter: string | undefined;
  readonly date: string | undefined;
  /** How long the receiver says that it keeps an idle connection. */
  readonly keepAliveSeconds: number | undefined;
};

const statusLine = /^HTTP\/1\.(\d)([ \t]+)(\d{3})(?:[ \t]+([^]*))?$/;
const token = /^[!#$%&'*+.^_`|~\w-]+$/;
/** Control characters. A byte from 80 on may be part of a character in UTF-8. */
const controls = /[^\t\x20-\x7E\x80-\xFF]/g;
const hasControl = /[^\t\x20-\x7E\x80-\xFF]/;
const notAscii = /[\x80-\xFF]/;

/** Text beyond ASCII is UTF-8, or else Latin-1. */
const decode = (latin1: string): string => {
  if (!notAscii.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : latin1;
};

/** Spaces and tabs only: a no-break space is a byte of UTF-8 here. */
const trim = (text: string): string => {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
};
const isBlank = (code: number): boolean => code === 32 || code === 9;

/** @param text the head's bytes as Latin-1, up to and including the empty line. @returns undefined: this is not HTTP/1.x */
export const parseHead = (text: string): ResponseHead | undefined => {
  const lines = linesOf(text);
  const [first = ''] = lines.lines;
  const match = statusLine.exec(first);
  if (!match) return undefined;
  const [, minor, space, code, reason = ''] = match;
  const status = Number(code);
  if (status < 100) return undefined;
  const { headers, firsts, isTidy } = headersOf(lines.lines);
  const { bodyEnd, isUsual } = bodyEndOf(status, headers);
  const connection = tokensOf(headers.get('connection'));
  const isOld = minor === '0';
  const keepsConnection =
    (isOld ? connection.includes('keep-alive') && !headers.has('transfer-encoding') : !connection.includes('close')) &&
    lines.isTidy &&
    isTidy &&
    isUsual &&
    space === ' ' &&
    bodyEnd.by !== 'close' &&
    bodyEnd.by !== 'unreadable';
  const timeout = /(?:^|[,;\s])timeout=(\d{1,9})/i.exec(headers.get('keep-alive') ?? '')?.[1];
  return {
    status,
    reason: decode(reason.replace(controls, ' ')),
    headers,
    bodyEnd,
    keepsConnection,
    location: firsts.get('location'),
    retryAfter: firsts.get('retry-after'),
    date: firsts.get('date'),
    keepAliveSeconds: timeout === undefined ? undefined : Number(timeout),
  };
};

/** A line that ends in LF alone is a line. */
const linesOf = (text: string): { readonly lines: readonly string[]; readonly isTidy: boolean } => {
  const lines: string[] = [];
  let isTidy = true;
  for (let at = 0, end = text.indexOf('\n'); end !== -1; at = end + 1, end = text.indexOf('\n', at)) {
    const isUsual = end > at && text.charCodeAt(end - 1) === 13;
    isTidy &&= isUsual;
    lines.push(text.slice(at, isUsual ? end - 1 : end));
  }
  return { lines, isTidy };
};

/** Lines that are no header are left out. A line that begins with a space continues the one before (RFC 9112, 5.2). */
const headersOf = (lines: readonly string[]) => {
  const headers = new Map<string, string>();
  const firsts = new Map<string, string>();
  let isTidy = true;
  let last: string | undefined;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (line === '') break;
    const isContinued = line.startsWith(' ') || line.startsWith('\t');
    const colon = isContinued ? -1 : line.indexOf(':');
    const name = isContinued ? last : line.slice(0, Math.max(0, colon)).trimEnd().toLowerCase();
    if (name === undefined || !token.test(name) || name === '__proto__') {
      isTidy = false;
      last = undefined;
      continue;
    }
    let value = trim(line.slice(colon + 1));
    if (isContinued || name.length !== colon || hasControl.test(value)) {
      isTidy = false;
      value = trim(value.replace(controls, ' '));
    }
    value = decode(value);
    const before = headers.get(name);
    if (before === undefined) {
      headers.set(name, value);
      if (name === 'location' || name === 'retry-after' || name === 'date') firsts.set(name, value);
    } else if (isContinued) headers.set(name, trim(`${before} ${value}`));
    else headers.set(name, `${before}, ${value}`);
    last = name;
  }
  return { headers, firsts, isTidy };
};

const tokensOf = (value: string | undefined): readonly string[] =>
  value === undefined
    ? []
    : value
        .toLowerCase()
        .split(',')
        .map((each) => each.trim());

/** RFC 9112, 6.3. `isUsual`: it is said once, and in one way. */
const bodyEndOf = (status: number, headers: ReadonlyMap<string, string>): { readonly bodyEnd: BodyEnd; readonly isUsual: boolean } => {
  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (status < 200 || status === 204 || status === 304)
    return { bodyEnd: { by: 'head' }, isUsual: encoding === undefined && (length === undefined || length === '0' || status === 304) };
  // `identity` is from an older HTTP, and says nothing.
  const codings = tokensOf(encoding).filter((each) => each !== '' && each !== 'identity');
  const isUsual = encoding === undefined || (length === undefined && codings.length > 0);
  const last = codings.at(-1);
  if (last !== undefined) {
    const isChunked = /^chunked\s*(;|$)/.test(last);
    return {
      bodyEnd: { by: isChunked ? 'last-chunk' : 'close' },
      isUsual: isUsual && last === 'chunked' && codings.indexOf(last) === codings.length - 1,
    };
  }
  if (length === undefined) return { bodyEnd: { by: 'close' }, isUsual };
  if (/^\d{1,15}$/.test(length)) return { bodyEnd: { by: 'length', length: Number(length) }, isUsual };
  const lengths = new Set(length.split(',').map((each) => each.trim().replace(/^0+(?=\d)/, '')));
  const [only = ''] = lengths;
  if (lengths.size > 1 || !/^\d+$/.test(only)) return { bodyEnd: { by: 'unreadable', lengths: length }, isUsual: false };
  return { bodyEnd: { by: 'length', length: Number(only) }, isUsual: false };
};
