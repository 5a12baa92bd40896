// The client: publishes messages, and retries when a retry can help.
// Retrying is always safe: every message has an id before the first attempt, and Hookledger stores a message with the same id once.
import { randomUUID } from 'node:crypto';
import { RefusedError, UnreachableError, type HookledgerError, type Issue, type Problem } from './errors.ts';
import { isTransient, pauseMs, retryAfterSecondsOf } from './retry.ts';

export type HookledgerOptions = {
  /** Hookledger's URL: `https://hooks.example.com` */
  readonly url: string | URL;
  /** API key with the role PUBLISHER or ADMIN. */
  readonly key: string;
  /** Of a key that spans the installation: the organization that it acts for. Default: `default`. */
  readonly organization?: string | undefined;
  /** Attempts per request, the first one included. Default: 6. */
  readonly attempts?: number;
  /** Time limit of one attempt, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
};

export type Message = {
  /** Words separated by dots: `meeting.ended` */
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** 1 to 256 characters. Publishing the same message with the same id again changes nothing. Default: a random one. */
  readonly id?: string | undefined;
  /** ISO 8601 with a time zone, or a Date. Default: the time of publishing. */
  readonly timestamp?: string | Date | undefined;
  /** 1 to 128 characters. Messages of one key reach an endpoint that asks for it in the order in which they were accepted. Default: none. */
  readonly orderingKey?: string | undefined;
  /** Of a key that spans the installation: the organization that the message is for. Default: that of the client. */
  readonly organization?: string | undefined;
};

export type PublishedMessage = {
  /** Hookledger's id; receivers get it as `webhook-id`. */
  readonly id: string;
  /** True: you published this id before, and nothing is sent again. */
  readonly duplicate: boolean;
  /** How many endpoints it goes to. */
  readonly destinations: number;
  /** Its position in the log. */
  readonly position: string;
};

export class Hookledger {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #attempts: number;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  /** @throws TypeError when an option can't be used. */
  constructor({ url, key, organization, attempts = 6, timeoutMs = 30_000, fetch = globalThis.fetch }: HookledgerOptions) {
    this.#url = messagesUrl(String(url));
    if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key))
      throw new TypeError('`key` must be an API key: only visible ASCII characters.');
    if (!Number.isInteger(attempts) || attempts < 1) throw new TypeError('`attempts` must be a whole number, 1 or more.');
    if (!(timeoutMs > 0)) throw new TypeError('`timeoutMs` must be more than 0.');
    if (organization !== undefined && !/^[\x21-\x7e]+$/.test(organization))
      throw new TypeError('`organization` must be the id of an organization: only visible ASCII characters.');
    this.#headers = {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(organization !== undefined && { 'hookledger-organization': organization }),
    };
    this.#attempts = attempts;
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetch;
  }

  /**
   * Resolves once the message, or all messages of a list (1 to 1000), are durable. Hookledger accepts a list as a whole or not at all.
   * Retries after 429, 502, 503, 504 and broken connections; honours `Retry-After`.
   * @throws RefusedError if Hookledger refuses the request; UnreachableError if no answer comes, or not one of Hookledger's.
   */
  publish(message: Message): Promise<PublishedMessage>;
  publish(messages: readonly Message[]): Promise<PublishedMessage[]>;
  async publish(given: Message | readonly Message[]): Promise<PublishedMessage | PublishedMessage[]> {
    const list = isList(given) ? given : [given];
    const withIds = list.map((message) => ({ ...message, id: message.id ?? randomUUID() }));
    const published = await this.#post(JSON.stringify(isList(given) ? withIds : withIds[0]), list.length);
    // A message that got its id here can only duplicate an earlier attempt of this call.
    const results = published.map((each, i) => (list[i]?.id === undefined ? { ...each, duplicate: false } : each));
    return isList(given) ? results : (results[0] as PublishedMessage); // there are as many results as messages
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
        headers: this.#headers,
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
        error: new UnreachableError(`${this.#url.origin} answered, but the answer is not Hookledger's; correct \`url\`.`, attempt),
        again: false,
      };
    }
    const retryAfterSeconds = retryAfterSecondsOf(headers.get('retry-after'), Date.now());
    const problem = problemIn(read, `${status} ${statusText}`.trim());
    const requestId = problem.requestId ?? headers.get('x-request-id') ?? undefined;
    const error = new RefusedError({ ...problem, status, requestId, retryAfterSeconds }, attempt);
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
    throw new TypeError(`\`url\` must be the URL of Hookledger, such as https://hooks.example.com; ${JSON.stringify(url)} is not a URL.`);
  }
  if (base.protocol !== 'https:' && base.protocol !== 'http:') throw new TypeError('`url` must begin with https:// or http://.');
  return new URL('v1/messages', base);
};

/** The error of `fetch` says little; its cause has the reason. */
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

const problemIn = (value: unknown, status: string): Pick<Problem, 'type' | 'title' | 'detail' | 'issues' | 'requestId'> => {
  const { type, title, detail, issues, requestId } = isObject(value) ? value : {};
  return {
    type: typeof type === 'string' ? type : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    title: typeof title === 'string' ? title : status,
    detail: typeof detail === 'string' ? detail : `The answer was ${status}, without a problem document.`,
    issues: Array.isArray(issues) ? (issues as Issue[]) : [],
  };
};
