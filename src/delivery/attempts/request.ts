// The request of one attempt: headers and signature, from a body and the endpoint's configuration. Pure.
import { hash } from 'node:crypto';
import type { SignatureScheme } from '../../domain/endpoint-events.ts';
import { hopsHeader } from '../../domain/message.ts';
import { maskOwnHeader } from '../../domain/header-masking.ts';
import type { FormattedBody } from '../formats/format.ts';
import { sign } from '../signatures/signature.ts';

export type Header = { readonly name: string; readonly value: string };

export type RequestedAttempt = {
  /** The message's or the batch's. */
  readonly id: string;
  readonly body: FormattedBody;
  readonly signature: SignatureScheme;
  /** The endpoint's own, decrypted. */
  readonly url: string;
  /** The endpoint's own, decrypted. */
  readonly headers: readonly Header[];
  /** Decrypted, the current one first. */
  readonly secrets: readonly string[];
  /** Of the message, or the most of the batch's messages. */
  readonly hops?: number | undefined;
  /** 1 for the first. */
  readonly attempt: number;
  readonly now: Date;
  /** `Hookledger/<version>` */
  readonly userAgent: string;
};

export type BuiltRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Hex SHA-256 of the body's UTF-8 bytes. */
  readonly bodySha256: string;
  /** What the log records: `headers` with the endpoint's own values masked, but for harmless ones. The signature is no secret and stays. */
  readonly maskedHeaders: Record<string, string>;
};

/**
 * Headers in this order: user-agent, content-type, webhook-id, webhook-attempt, hookledger-hops, the endpoint's own, the signature's. An endpoint's own
 * `user-agent` or `content-type` replaces the default. The other names that Hookledger sets can't be set on an endpoint.
 * @throws FormatError if no request can be made: the attempt fails as FORMAT
 */
export const buildRequest = (requested: RequestedAttempt): BuiltRequest => {
  const { id, url, signature, secrets, hops = 0, attempt, now, userAgent } = requested;
  const { body, contentType } = requested.body;
  const own = requested.headers.filter(({ name }) => name.toLowerCase() !== hopsHeader); // older logs may have it
  const headers: Record<string, string> = {
    'user-agent': userAgent,
    'content-type': contentType,
    'webhook-id': id,
    'webhook-attempt': String(attempt),
    [hopsHeader]: String(hops + 1),
  };
  for (const { name, value } of own) {
    const lower = name.toLowerCase();
    headers[Object.hasOwn(headers, lower) ? lower : name] = value;
  }
  Object.assign(headers, sign(signature, { body, messageId: id, timestamp: now, secrets }));
  const maskedHeaders = own.length === 0 ? headers : { ...headers };
  for (const { name, value } of own) {
    const lower = name.toLowerCase();
    maskedHeaders[Object.hasOwn(maskedHeaders, name) ? name : lower] = maskOwnHeader(name, () => value);
  }
  return { url, headers, body, bodySha256: hash('sha256', body), maskedHeaders };
};
