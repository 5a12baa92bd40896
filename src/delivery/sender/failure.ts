// Failures: why an attempt failed, as one sentence for a person, from the error or the response. Pure.
import { STATUS_CODES } from 'node:http';
import type { FailureReason } from '../../domain/attempts.ts';
import { maskUrl } from '../../domain/url-masking.ts';

export type Failure = { readonly failure: FailureReason; readonly error: string };

/** How far an attempt got: no connection yet, request sent, response head read. */
export type Phase = 'connecting' | 'waiting' | 'responding';

/** The guard allows no address of the host. The message is the guard's sentence. */
export class BlockedAddress extends Error {
  override name = 'BlockedAddress';
}

const maxQuoted = 500;
const quote = (text: string): string => {
  const shown = text.replace(/\p{Cc}/gu, ' ');
  return shown.length > maxQuoted ? `${shown.slice(0, maxQuoted)}…` : shown;
};

// ── From an error ──

const untrusted =
  'the issuer of its certificate is not trusted; install one from a public authority, with the whole chain, or name its authority in HOOKLEDGER_CA_FILE';

const tlsSentences: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; install one from a certificate authority',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate chain ends in a self-signed certificate that is not trusted; install one from a public authority, or name this one in HOOKLEDGER_CA_FILE',
  CERT_HAS_EXPIRED: 'its certificate has expired; renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; check its dates',
  CERT_REVOKED: 'its certificate was revoked; replace it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name; install one for this name, or correct the URL',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the issuer of its certificate is not trusted or an intermediate certificate is missing; send the whole chain, or name its authority in HOOKLEDGER_CA_FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port; correct the port, or use http',
  EPROTO: 'it does not speak TLS as expected; check its port and its TLS versions',
};
const isTls = (code: string) =>
  Object.hasOwn(tlsSentences, code) ||
  /CERT|ISSUER|^ERR_(SSL|TLS)_|^EPROTO$|^INVALID_(CA|PURPOSE)$|^PATH_LENGTH_EXCEEDED$|^HOSTNAME_MISMATCH$/.test(code);

const dnsSentences: Readonly<Record<string, string>> = {
  ENOTFOUND: 'was not found; correct the URL, or publish the name in DNS',
  EAI_AGAIN: 'could not be resolved: no DNS server answered',
};

/** Each is followed by the receiver's host and port. */
const connectSentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused: nothing listens there, or a firewall rejects it:',
  EHOSTUNREACH: 'There is no route to the host:',
  ENETUNREACH: 'There is no route to the network of the host:',
  ENETDOWN: 'The network is down on the way to',
  EHOSTDOWN: 'The host is down:',
  ETIMEDOUT: 'The connection timed out:',
  EADDRNOTAVAIL: 'No connection can be opened to this address and port:',
  EMFILE: 'Hookledger has too many files open to connect to',
  ENFILE: 'This machine has too many files open to connect to',
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const whenLost = (phase: Phase): string => {
  if (phase === 'connecting') return 'while it was being opened';
  return phase === 'waiting' ? 'before it answered' : 'before its response was complete';
};

/** Such as `ECONNRESET`; empty if the error has none. */
export const errorCodeOf = (error: Error): string => ('code' in error ? text(error.code) : '');

/** From an error of DNS, the connection, TLS, HTTP parsing, or the request itself. */
export const failureOfError = (error: unknown, url: URL, phase: Phase): Failure => {
  const { code, syscall, message } = details(error);
  const { hostname, host } = url;
  if (error instanceof BlockedAddress) return { failure: 'BLOCKED_ADDRESS', error: message };
  if (syscall === 'getaddrinfo')
    return { failure: 'DNS', error: `The name ${hostname} ${dnsSentences[code] ?? `could not be resolved (${code})`}.` };
  if (isTls(code)) {
    const names = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? alternativeNames(error) : '';
    return { failure: 'TLS', error: `No secure connection to ${host}: ${tlsSentences[code] ?? `${quote(message)} (${code})`}${names}.` };
  }
  if (/secure TLS connection was established/.test(message))
    return {
      failure: 'TLS',
      error: `No secure connection to ${host}: it closed the connection during the TLS handshake; check its TLS configuration.`,
    };
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return {
      failure: 'FORMAT',
      error: `The endpoint's configuration makes no valid request: ${quote(message)}; correct its URL or headers.`,
    };
  const opening = connectSentences[code];
  if (opening !== undefined && phase === 'connecting') return { failure: 'CONNECTION', error: `${opening} ${host}.` };
  return { failure: 'CONNECTION', error: connectionLost(code, message, host, phase) };
};

const connectionLost = (code: string, message: string, host: string, phase: Phase): string => {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return `The response headers of ${host} are larger than 16 KiB; send fewer or shorter ones.`;
  if (message.startsWith('Response does not match the HTTP/1.1 protocol')) return `The answer of ${host} is not HTTP: ${quote(message)}.`;
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return `The response of ${host} does not have the length that its content-length says.`;
  if (code === 'UND_ERR_SOCKET' && message.startsWith('bad '))
    return `${host} answered with a protocol switch (1xx) that was not requested.`;
  if (code === 'ECONNRESET' || code === 'EPIPE') return `${host} reset the connection ${whenLost(phase)}.`;
  if (code === 'UND_ERR_SOCKET') return `${host} closed the connection ${whenLost(phase)}.`;
  return `The connection to ${host} broke ${whenLost(phase)}: ${quote(message)}${code === '' ? '' : ` (${code})`}.`;
};

const details = (error: unknown): { code: string; syscall: string; message: string } => {
  if (!(error instanceof Error)) return { code: '', syscall: '', message: String(error) };
  // Several addresses were tried: the first error says most.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return details(error.errors[0]);
  return { code: errorCodeOf(error), syscall: 'syscall' in error ? text(error.syscall) : '', message: error.message };
};

const alternativeNames = (error: unknown): string => {
  const { cert } = error as { cert?: { subjectaltname?: string } }; // Node adds it to this error
  return cert?.subjectaltname === undefined ? '' : ` (it is for ${quote(cert.subjectaltname)})`;
};

export const timedOut = (seconds: number, url: URL, phase: Phase): Failure => {
  const what = {
    connecting: `No connection to ${url.host} could be opened within ${seconds} s`,
    waiting: `${url.host} did not answer within ${seconds} s`,
    responding: `${url.host} did not complete its response within ${seconds} s`,
  };
  return { failure: 'TIMEOUT', error: `${what[phase]}; answer sooner, or raise the endpoint's timeoutSeconds.` };
};

// ── From a response ──

/** Undefined for a success (2xx). */
export const failureOfStatus = (code: number, reason: string, location: string | undefined): Failure | undefined => {
  if (code >= 200 && code < 300) return undefined;
  const status = `${code} ${STATUS_CODES[code] ?? quote(reason)}`.trim();
  if (code < 300 || code >= 400) return { failure: 'HTTP_STATUS', error: `The receiver answered ${status}.` };
  const where = location === undefined ? '' : ` to ${quote(maskUrl(location))}`;
  return {
    failure: 'REDIRECT',
    error: `The receiver redirects${where} (${status}), and redirects are not followed; set the endpoint's URL to the final address.`,
  };
};
