// The bytes of a request: one POST in HTTP/1.1. Pure. It refuses whatever could be read as another request, or as more than one.
import type { SendRequest } from './send-outcome.ts';

const token = /^[!#$%&'*+.^_`|~\w-]+$/;
const notInValue = /[^\t\x20-\x7E\x80-\xFF]/;
/** They say how the request is framed, which only this file decides. Configuration can't set them; older logs may hold them. */
const framing = new Set(['connection', 'content-length', 'expect', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** A header that makes no valid request. */
export class InvalidHeader extends Error {
  override name = 'InvalidHeader';
}

/** @returns an InvalidHeader if no request can be made */
export const requestBytes = ({ headers, body }: SendRequest, url: URL): Buffer | InvalidHeader => {
  let head = `POST ${url.pathname}${url.search} HTTP/1.1\r\n`;
  let host = url.host;
  let fields = '';
  for (const name in headers) {
    const value = headers[name] ?? '';
    if (!token.test(name)) return new InvalidHeader(`${JSON.stringify(name)} is no name of a header`);
    if (notInValue.test(value)) return new InvalidHeader(`the header ${name} has a character that no header may have`);
    const lower = name.toLowerCase();
    if (framing.has(lower)) return new InvalidHeader(`the header ${name} can't be set`);
    if (lower === 'host') host = value;
    else fields += `${name}: ${value}\r\n`;
  }
  const length = Buffer.byteLength(body);
  head += `host: ${host}\r\nconnection: keep-alive\r\n${fields}content-length: ${length}\r\n\r\n`;
  const bytes = Buffer.allocUnsafe(head.length + length);
  bytes.write(head, 'latin1');
  if (length > 0) bytes.write(body, head.length);
  return bytes;
};
