// What is recorded of a response: its status, its headers with credentials masked, and the first bytes of its body. Pure.
import { maskResponseHeaders } from '../../domain/url-masking.ts';
import type { ResponseHead } from './response-head.ts';
import type { ReceivedResponse } from './send-outcome.ts';

/** Of all headers together. Whole values are left out rather than cut: half a secret would not be found and masked. */
const maxHeaderChars = 16 * 1024;

export const recordedResponse = (head: ResponseHead, body: readonly Buffer[], isCut: boolean): ReceivedResponse => ({
  responseCode: head.status,
  responseHeaders: maskResponseHeaders(bounded(head.headers)),
  responseBody: decode(body, isCut),
  ...(isCut && { isBodyCut: true }),
});

const bounded = (headers: ReadonlyMap<string, string>): Record<string, string> => {
  const kept: Record<string, string> = {};
  let left = maxHeaderChars;
  for (const [name, value] of headers) {
    const size = name.length + value.length;
    if (size <= left) kept[name] = value;
    else if (name.length + 40 <= left) kept[name] = `(${value.length} characters, too long to be kept)`;
    left -= kept[name] === undefined ? 0 : name.length + kept[name].length;
  }
  return kept;
};

const decode = (chunks: readonly Buffer[], isCut: boolean): string => {
  if (chunks.length === 0) return '';
  const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  // In stream mode the decoder holds back an incomplete character at the end.
  const text = isCut ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true }) : bytes.toString('utf8');
  // PostgreSQL, among others, can't store U+0000 in a text.
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
};
