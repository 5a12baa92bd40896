// The client: publishes messages, and tries again where that is safe and of use.
// It is always safe: a message without an id is given one before the first attempt, and Hookledger stores a message of one id once.
import { randomUUID } from 'node:crypto';
import { RefusedError, UnreachableError, type HookledgerError, type Issue } from './errors.ts';
import { isTransient, pauseMs, retryAfterSecondsOf } from './retry.ts';

export type HookledgerOptions = {
  /** Where Hookledger is: `https://hooks.example.com` */
  readonly url: string | URL;
  /** An API key with the role PUBLISHER or ADMIN. */
  readonly key: string;
  /** How often a request is tried in all, 1 for no retries; 6 unless given. */
  readonly attempts?: number;
  /** How long one attempt may take, in milliseconds; 30,000 unless given. */
  readonly timeoutMs?: number;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch;
};

export type Message = {
  /** Dot-separated words: `meeting.ended` */
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** 1 to 256 characters. Publishing the same message of the same id again changes nothing. One is made where none is given. */
  readonly id?: string | undefined;
  /** ISO 8601 with a time zone, or a Date; the moment of publishing unless given. */
  readonly timestamp?: string | Date | undefined;
};

export type PublishedMessage = {
  /** Hookledger's own: what receivers get as `webhook-id`. */
  readonly id: string;
  /** It was published before, with an id of yours; nothing is sent again. */
  readonly duplicate: boolean;
  /** How many endpoints it goes to. */
  readonly destinations: number;
  /** Its place in the log. */
  readonly position: string;
};

export class Hookledger {
  readonly #url: URL;
  readonly #key: string;
  readonly #attempts: number;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  /** @throws TypeError when an option can't be used. */
  constructor({ url, key, attempts = 6, timeoutMs = 30_000, fetch = globalThis.fetch }: HookledgerOptions) {
    this.#url = messagesUrl(String(url));
    if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key)) throw new TypeError('`key` must be an API key: visible ASCII characters.');
    if (!Number.isInteger(attempts) || attempts < 1) throw new TypeError('`attempts` must be a whole number from 1.');
    if (!(timeoutMs > 0)) throw new TypeError('`timeoutMs` must be more than 0.');
    this.#key = key;
    this.#attempts = attempts;
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch;
  }

  /**
   * Resolves when the message, or all of the messages (1 to 1000), are durable; a list is taken as a whole or not at all.
   * 429, 502, 503, 504 and broken connections are tried again, `Retry-After` is honoured.
   * @throws RefusedError when Hookledger says no, UnreachableError when no answer of Hookledger's comes.
   */
  publish(message: Message): Promise<PublishedMessage>;
  publish(messages: readonly Message[]): Promise<PublishedMessage[]>;
  async publish(given: Message | readonly Message[]): Promise<PublishedMessage | PublishedMessage[]> {
    const list = isList(given) ? given : [given];
    const withIds = list.map((message) => ({ ...message, id: message.id ?? randomUUID() }));
    const published = await this.#post(JSON.stringify(isList(given) ? withIds : withIds[0]), list.length);
    // One whose id was made here can only be a duplicate of an earlier attempt of this very call.
    const told = published.map((each, i) => (list[i]?.id === undefined ? { ...each, duplicate: false } : each));
    return isList(given) ? told : (told[0] as PublishedMessage); // as many as were sent
  }

  async #post(body: string, count: number): Promise<readonly PublishedMessage[]> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#try(body, count, attempt);
      if (!('error' in answer)) return answer.messages;
      const pause = answer.again ? pauseMs(attempt, answer.retryAfterSeconds, Math.random()) : undefined;
      if (pause === undefined || attempt === this.#attempts) throw answer.error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Never rejects. */
  async #try(body: string, count: number, attempt: number): Promise<Answer> {
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#url, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      text = await response.text();
    } catch (cause) {
      return {
        error: new UnreachableError(`${this.#url.origin} could not be reached: ${reasonOf(cause)}`, attempt, { cause }),
        again: true,
      };
    }
    const { status, statusText, headers } = response;
    const read = parse(text);
    if (status === 202) {
      if (isAnswer(read, count)) return { messages: read.messages };
      return {
        error: new UnreachableError(`${this.#url.origin} answered, but not as Hookledger does; correct \`url\`.`, attempt),
        again: false,
      };
    }
    const retryAfterSeconds = retryAfterSecondsOf(headers.get('retry-after'), Date.now());
    const { title, detail, issues } = problemIn(read, `${status} ${statusText}`.trim());
    const error = new RefusedError({ status, title, detail, issues, retryAfterSeconds }, attempt);
    return { error, again: isTransient(status), retryAfterSeconds };
  }
}

type Answer =
  | { readonly messages: readonly PublishedMessage[] }
  | { readonly error: HookledgerError; readonly again: boolean; readonly retryAfterSeconds?: number | undefined };

const isList = (given: Message | readonly Message[]): given is readonly Message[] => Array.isArray(given);

const messagesUrl = (url: string): URL => {
  let base: URL;
  try {
    base = new URL(url.endsWith('/') ? url : `${url}/`);
  } catch {
    throw new TypeError(`\`url\` must be where Hookledger is, such as https://hooks.example.com; ${JSON.stringify(url)} is no URL.`);
  }
  if (base.protocol !== 'https:' && base.protocol !== 'http:') throw new TypeError('`url` must begin with https:// or http://.');
  return new URL('v1/messages', base);
};

/** What fetch says is little; why is in its cause. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

const isAnswer = (value: unknown, count: number): value is { readonly messages: readonly PublishedMessage[] } =>
  isObject(value) && Array.isArray(value['messages']) && value['messages'].length === count;

const problemIn = (value: unknown, status: string): { title: string; detail: string; issues: readonly Issue[] } => {
  const { title, detail, issues } = isObject(value) ? value : {};
  return {
    title: typeof title === 'string' ? title : status,
    detail: typeof detail === 'string' ? detail : `The answer was ${status}, without a problem document.`,
    issues: Array.isArray(issues) ? (issues as Issue[]) : [],
  };
};
