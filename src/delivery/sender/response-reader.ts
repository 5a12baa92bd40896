// The response reader: one response, from its bytes in whatever pieces they arrive. Pure: it has no connection and no clock, and never throws.
// It keeps the first bytes of the body and counts the rest. The kept parsers refuse heads that have one meaning (a length beside `chunked`, a length on
// a 204, the same length twice) and so turn a 2xx into a failure: docs/adr/0038.
import { parseHead, type ResponseHead } from './response-head.ts';

/** Of the body. */
const keptBytes = 4096;
/** Of the body: a longer one is not read to its end. */
const maxBodyBytes = 64 * 1024;
/** Of a head, and of all interim responses together. */
export const maxHeadBytes = 128 * 1024;
export const maxInterim = 64;
/** Of a chunk's size with its extensions, and of the trailers. */
const maxLineBytes = 8 * 1024;

/** Why a response can't be read. */
export type Problem =
  | { readonly kind: 'not-http'; readonly began: string }
  | { readonly kind: 'head-too-large' }
  | { readonly kind: 'too-many-interim' }
  | { readonly kind: 'lengths'; readonly given: string }
  | { readonly kind: 'chunks'; readonly given: string };

/** Why a body is not complete. */
export type Missing = 'answer' | 'head' | 'last-chunk' | { readonly received: number; readonly of: number } | 'close';

type Reading = 'head' | 'length' | 'close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'nothing';

const lf = 10;
const cr = 13;
const beginning = 'HTTP/';

export class ResponseReader {
  /** Of the final response, once it was read. */
  head: ResponseHead | undefined;
  problem: Problem | undefined;
  /** The body has ended as HTTP allows, or is longer than is read. */
  isComplete = false;
  /** An interim 101, which was not requested. What follows need not be HTTP. */
  wasSwitched = false;
  /** The first bytes of the body. */
  readonly chunks: Buffer[] = [];
  /** Bytes of the body so far. */
  size = 0;
  private reading: Reading = 'head';
  private isTidy = true;
  /** Bytes of the body, or of the chunk, that are still to come. */
  private left = 0;
  /** An unfinished head. */
  private pending: Buffer | undefined;
  private pendingLength = 0;
  /** An unfinished line of the chunks or the trailers. */
  private line = '';
  private trailerBytes = 0;
  private interim = 0;
  private interimBytes = 0;
  private hasBegun = false;

  get isOver(): boolean {
    return this.reading === 'nothing';
  }

  /** Some bytes have arrived. */
  get isBegun(): boolean {
    return this.hasBegun;
  }

  /** The body is longer than what was kept of it. */
  get isCut(): boolean {
    return this.size > keptBytes;
  }

  /** Nothing about this response leaves in doubt where it ended. */
  get isReusable(): boolean {
    return this.isComplete && this.isTidy && this.head?.keepsConnection === true;
  }

  push(bytes: Buffer): void {
    if (bytes.length > 0) this.hasBegun = true;
    let at = 0;
    while (at < bytes.length && this.reading !== 'nothing') at = this.read(bytes, at);
    if (at < bytes.length) this.isTidy = false; // more than the response has
  }

  /** What the response lacks; undefined: its body has ended, with or without trailers (RFC 9112, 8). */
  get missing(): Missing | undefined {
    switch (this.reading) {
      case 'head':
        return this.interim > 0 || !this.hasBegun ? 'answer' : 'head';
      case 'length':
        return { received: this.size, of: this.size + this.left };
      case 'close':
        return 'close';
      case 'chunk-size':
      case 'chunk':
      case 'chunk-end':
        return 'last-chunk';
      case 'trailers':
      case 'nothing':
        return undefined;
    }
  }

  /**
   * No more bytes come.
   * @param isClosed the receiver ended the connection in an orderly way, which ends a body without length. False: the time is up
   * @returns whether the response is complete
   */
  finish(isClosed: boolean): boolean {
    if (this.isOver) return this.isComplete;
    this.isTidy = false;
    if (this.missing === undefined || (this.missing === 'close' && isClosed)) this.complete();
    return this.isComplete;
  }

  // ── Steps ── Each reads from `at`, and returns how far it came.

  private read(bytes: Buffer, at: number): number {
    switch (this.reading) {
      case 'head':
        return this.readHead(bytes, at);
      case 'length':
      case 'close':
      case 'chunk':
        return this.readBody(bytes, at);
      default:
        return this.readLine(bytes, at);
    }
  }

  private readHead(bytes: Buffer, at: number): number {
    const before = this.pendingLength;
    const whole = before === 0 ? bytes.subarray(at) : this.joined(bytes, at);
    const start = startOf(whole);
    if (start > 0) this.isTidy = false;
    const began = beginsWithHttp(whole, start);
    const end = began ? endOfHead(whole, start, before) : -1;
    if (!began || start > maxLineBytes) {
      this.stop({ kind: 'not-http', began: whole.toString('latin1', start, start + 100) });
      return bytes.length;
    }
    if ((end === -1 ? whole.length : end) - start > maxHeadBytes) {
      this.stop({ kind: 'head-too-large' });
      return bytes.length;
    }
    if (end === -1) {
      if (before === 0) this.keep(whole);
      return bytes.length;
    }
    this.pending = undefined;
    this.pendingLength = 0;
    this.headRead(whole.toString('latin1', start, end));
    return at + end - before;
  }

  private headRead(text: string): void {
    const head = parseHead(text);
    if (!head) return this.stop({ kind: 'not-http', began: text.slice(0, 100) });
    if (head.status < 200) {
      this.interim++;
      this.interimBytes += text.length;
      this.wasSwitched ||= head.status === 101;
      if (head.status === 101) this.isTidy = false;
      if (this.interim > maxInterim || this.interimBytes > maxHeadBytes) this.stop({ kind: 'too-many-interim' });
      return;
    }
    this.head = head;
    const { bodyEnd } = head;
    switch (bodyEnd.by) {
      case 'head':
        return this.complete();
      case 'length':
        this.left = bodyEnd.length;
        this.reading = 'length';
        return this.left === 0 ? this.complete() : undefined;
      case 'last-chunk':
        this.reading = 'chunk-size';
        return;
      case 'close':
        this.left = Number.POSITIVE_INFINITY;
        this.reading = 'close';
        return;
      case 'unreadable':
        return this.stop({ kind: 'lengths', given: bodyEnd.lengths });
    }
  }

  private readBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.left);
    if (this.size < keptBytes) this.chunks.push(Buffer.from(bytes.subarray(at, Math.min(end, at + keptBytes - this.size))));
    this.size += end - at;
    this.left -= end - at;
    if (this.size > maxBodyBytes) {
      this.isTidy = false;
      this.complete();
    } else if (this.left === 0) {
      if (this.reading === 'chunk') this.reading = 'chunk-end';
      else this.complete();
    }
    return end;
  }

  private readLine(bytes: Buffer, at: number): number {
    const found = bytes.indexOf(lf, at);
    const end = found === -1 ? bytes.length : found;
    this.line += bytes.toString('latin1', at, Math.min(end, at + maxLineBytes + 1));
    if (this.line.length > maxLineBytes) {
      this.lineRead(this.line);
      return bytes.length;
    }
    if (found === -1) return bytes.length;
    const isUsual = this.line.endsWith('\r');
    if (!isUsual) this.isTidy = false;
    this.lineRead(isUsual ? this.line.slice(0, -1) : this.line);
    return found + 1;
  }

  private lineRead(line: string): void {
    this.line = '';
    const isTooLong = line.length > maxLineBytes - 1;
    if (this.reading === 'trailers') {
      this.trailerBytes += line.length + 2;
      if (isTooLong || this.trailerBytes > maxLineBytes) this.isTidy = false;
      if (isTooLong || this.trailerBytes > maxLineBytes || line === '') this.complete();
      return;
    }
    if (this.reading === 'chunk-end' && line === '') {
      this.reading = 'chunk-size';
      return;
    }
    const size = this.reading === 'chunk-end' || isTooLong ? undefined : /^([\dA-Fa-f]+)([ \t]*)(;|$)/.exec(line);
    if (!size) return this.stop({ kind: 'chunks', given: line.slice(0, 100) });
    const [, digits = '', space] = size;
    if (space !== '') this.isTidy = false;
    this.left = Number.parseInt(digits, 16); // one that is too large for a double ends the reading long before
    this.reading = this.left === 0 ? 'trailers' : 'chunk';
  }

  // ── The pending head ──

  private keep(bytes: Buffer): void {
    const needed = this.pendingLength + bytes.length;
    if (!this.pending || this.pending.length < needed) {
      const larger = Buffer.allocUnsafe(Math.max(needed * 2, 1024));
      this.pending?.copy(larger, 0, 0, this.pendingLength);
      this.pending = larger;
    }
    bytes.copy(this.pending, this.pendingLength);
    this.pendingLength = needed;
  }

  /** The pending head with as much of the new bytes as a head may have. */
  private joined(bytes: Buffer, at: number): Buffer {
    this.keep(bytes.subarray(at));
    return this.pending?.subarray(0, this.pendingLength) ?? bytes;
  }

  private complete(): void {
    this.isComplete = true;
    this.reading = 'nothing';
  }

  private stop(problem: Problem): void {
    this.problem = problem;
    this.isTidy = false;
    this.reading = 'nothing';
  }
}

/** Empty lines before a status line are skipped. */
const startOf = (bytes: Buffer): number => {
  let start = 0;
  while (bytes[start] === cr || bytes[start] === lf) start++;
  return start;
};

const beginsWithHttp = (bytes: Buffer, start: number): boolean => {
  const length = Math.min(beginning.length, bytes.length - start);
  for (let i = 0; i < length; i++) if (bytes[start + i] !== beginning.charCodeAt(i)) return false;
  return true;
};

/** Behind the first empty line; -1: it is not there yet. @param seen so many bytes were searched before */
const endOfHead = (bytes: Buffer, start: number, seen: number): number => {
  for (let i = Math.max(start, seen - 2); i < bytes.length; i++) {
    if (bytes[i] !== lf) continue;
    if (bytes[i + 1] === lf) return i + 2;
    if (bytes[i + 1] === cr && bytes[i + 2] === lf) return i + 3;
  }
  return -1;
};
