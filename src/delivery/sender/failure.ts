// Failures: why an attempt failed, as one sentence for a person, from the error or the response. Pure.
import { STATUS_CODES } from 'node:http';
import type { FailureReason } from '../../domain/attempts.ts';
import { maskUrl } from '../../domain/url-masking.ts';
import { NameFailure } from './names/name-failure.ts';
import { InvalidHeader } from './request-bytes.ts';
import { maxHeadBytes, maxInterim, type Missing, type Problem } from './response-reader.ts';

export type Failure = { readonly failure: FailureReason; readonly error: string };

/** How far an attempt got. `connecting`: no connection yet; `securing`: no TLS yet; `sending`: the request is not wholly written yet. */
export type Phase = 'connecting' | 'securing' | 'sending' | 'waiting' | 'responding';

export type Progress = {
  readonly phase: Phase;
  /** The connection was kept from an earlier request. */
  readonly isReused?: boolean;
  /** What the response lacks. */
  readonly missing?: Missing | undefined;
  /** The receiver sent 101, which was not requested. */
  readonly wasSwitched?: boolean;
};

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

const nameSentences: Readonly<Record<string, string>> = {
  'not-found': 'was not found; correct the URL, or publish the name in DNS',
  'no-answer': 'could not be resolved: no DNS server answered in time',
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
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const whenLost = ({ phase, missing, wasSwitched, isReused }: Progress): string => {
  switch (phase) {
    case 'connecting':
      return 'while it was being opened';
    case 'securing':
      return 'during the TLS handshake';
    case 'sending':
    case 'waiting': {
      const when = phase === 'sending' ? 'before it had taken the whole request' : 'before it answered';
      return isReused ? `${when}; the connection was kept from an earlier request, so it may not have read this one` : when;
    }
    case 'responding':
      return `${whatIsMissing(missing)}${wasSwitched ? switched : ''}`;
  }
};

const whatIsMissing = (missing: Missing | undefined): string => {
  if (missing === 'answer') return 'before it answered, after interim responses (1xx) only';
  if (missing === 'head') return 'within the headers of its response';
  if (missing === 'last-chunk') return 'before its response was complete: the last chunk of the body is missing';
  if (typeof missing === 'object')
    return `before its response was complete: ${missing.received} of ${missing.of} bytes of the body arrived`;
  return 'before its response was complete';
};

const switched = ' (it had sent 101 Switching Protocols, which was not requested)';

/** From an error of DNS, the connection, TLS, or the request itself. */
export const failureOfError = (error: unknown, url: URL, progress: Progress): Failure => {
  const { code, message } = details(error);
  const { hostname, host } = url;
  if (error instanceof BlockedAddress) return { failure: 'BLOCKED_ADDRESS', error: message };
  if (error instanceof InvalidHeader)
    return {
      failure: 'FORMAT',
      error: `The endpoint's configuration makes no valid request: ${quote(message)}; correct its URL or headers.`,
    };
  if (error instanceof NameFailure)
    return {
      failure: 'DNS',
      error: `The name ${hostname} ${nameSentences[error.reason] ?? `could not be resolved (${quote(error.reason)})`}.`,
    };
  if (isTls(code)) {
    const names = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? alternativeNames(error) : '';
    return { failure: 'TLS', error: `No secure connection to ${host}: ${tlsSentences[code] ?? `${quote(message)} (${code})`}${names}.` };
  }
  const opening = connectSentences[code];
  if (opening !== undefined && progress.phase === 'connecting') return { failure: 'CONNECTION', error: `${opening} ${host}.` };
  if (code === 'ECONNRESET' || code === 'EPIPE') return brokenOff('reset', url, progress);
  const how = `${quote(message)}${code === '' ? '' : ` (${code})`}`;
  return { failure: 'CONNECTION', error: `The connection to ${host} broke ${whenLost(progress)}: ${how}.` };
};

/** The receiver ended the connection before the response was complete. */
export const brokenOff = (how: 'closed' | 'reset', { host }: URL, progress: Progress): Failure =>
  progress.phase === 'securing'
    ? {
        failure: 'TLS',
        error: `No secure connection to ${host}: it ${how} the connection during the TLS handshake; check its TLS configuration.`,
      }
    : { failure: 'CONNECTION', error: `${host} ${how} the connection ${whenLost(progress)}.` };

/** From a response that can't be read. */
export const failureOfProblem = (problem: Problem, url: URL, wasSwitched: boolean): Failure => ({
  failure: 'CONNECTION',
  error: `${problemSentence(problem, url)}${wasSwitched ? switched : ''}.`,
});

const problemSentence = (problem: Problem, { host, protocol }: URL): string => {
  switch (problem.kind) {
    case 'not-http':
      return problem.began.startsWith('\x15\x03') && protocol === 'http:'
        ? `${host} speaks TLS on this port; use https in the endpoint's URL`
        : `The answer of ${host} is not HTTP/1.1: it begins with ${JSON.stringify(quote(problem.began))}`;
    case 'head-too-large':
      return `The response headers of ${host} are larger than ${maxHeadBytes / 1024} KiB; send fewer or shorter ones`;
    case 'too-many-interim':
      return `${host} sent more than ${maxInterim} interim responses (1xx), or more than ${maxHeadBytes / 1024} KiB of them, and no final one`;
    case 'lengths':
      return `The response of ${host} has no readable length: its content-length is ${JSON.stringify(quote(problem.given))}; send one number`;
    case 'chunks':
      return `The response of ${host} is chunked, but has ${JSON.stringify(quote(problem.given))} in place of the next chunk's size`;
  }
};

const details = (error: unknown): { code: string; message: string } => {
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  // Several addresses were tried: the first error says most.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return details(error.errors[0]);
  return { code: 'code' in error ? text(error.code) : '', message: error.message };
};

const alternativeNames = (error: unknown): string => {
  const { cert } = error as { cert?: { subjectaltname?: string } }; // Node adds it to this error
  return cert?.subjectaltname === undefined ? '' : ` (it is for ${quote(cert.subjectaltname)})`;
};

export const timedOut = (seconds: number, { host }: URL, { phase, missing, wasSwitched }: Progress): Failure => {
  const within = `within ${seconds} s`;
  const what = {
    connecting: `No connection to ${host} could be opened ${within}`,
    securing: `${host} accepted the connection but did not complete the TLS handshake ${within}`,
    sending: `${host} did not take the whole request ${within}`,
    waiting: `${host} did not answer ${within}`,
    responding: `${host} did not ${missing === 'answer' ? 'answer' : 'complete its response'} ${within}${wasSwitched ? switched : ''}`,
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
