// Classifies the errors of the client (does the error say that nothing was written?) and describes them for people.
import type { ClientFailure } from './client/messages.ts';

/** The gRPC status codes that mean something by themselves. */
const code = { cancelled: 1, unknown: 2, permissionDenied: 7, unimplemented: 12, internal: 13, unavailable: 14, unauthenticated: 16 };
/** Of calls that ended without the server's own answer. The next call gets another connection. */
const lostConnection = new Set<number | undefined>([code.cancelled, code.unknown, code.internal, code.unavailable]);

export type FailureKind =
  /** The stream is at another revision; nothing was written. */
  | 'conflict'
  /** The stream was deleted on the server; nothing was written. */
  | 'deleted'
  | 'too-large'
  /** The user lacks the right, or the password is wrong. */
  | 'denied'
  /** The server can be reached, but is not a log server that Hookledger can use. */
  | 'unsuitable'
  /** The server gave up, or drops a repeated append until the first one is replicated: the outcome is unknown. */
  | 'timed-out'
  /** The server was not reached, or can't do it now: the outcome is unknown. The client recovers by itself. */
  | 'unavailable'
  /** As `unavailable`, but the client can't be trusted with another append. */
  | 'client-broken';

/** A server answers with these while it starts, elects a leader or is overloaded; the client has no type for them. */
const notNow = /not ready|is (?:too )?busy|no leader info|write after end|slow|resubscription/i;
/** Waiting does not solve these. */
const wrongSecurity = /certificate|altname|SSL routines|ERR_SSL|EPROTO/i;
const wrongProtocol = /protocol error|Received HTTP status code/i;

export const classifyFailure = ({ type, code: status, message }: ClientFailure): FailureKind => {
  switch (type) {
    case 'wrong-expected-version':
      return 'conflict';
    case 'stream-deleted':
      return 'deleted';
    case 'maximum-append-size-exceeded':
      return 'too-large';
    case 'access-denied':
      return 'denied';
    case 'no-positions':
    case 'unsupported':
      return 'unsuitable';
    case 'deadline-exceeded':
      return 'timed-out';
    case 'lost':
    case 'timeout':
    case 'cancelled':
    case 'not-leader':
      return 'unavailable';
    case 'unanswered':
      return 'client-broken';
    default:
      break;
  }
  if (status === code.permissionDenied || status === code.unauthenticated) return 'denied';
  if (status === code.unimplemented) return 'unsuitable';
  if (wrongSecurity.test(message) || wrongProtocol.test(message)) return 'unsuitable';
  if (type === 'unavailable' || lostConnection.has(status) || notNow.test(message)) return 'unavailable';
  return 'client-broken';
};

/** The part of a gRPC message that helps a person. */
const shorten = ({ message }: ClientFailure): string => {
  const text = message
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/^Could not recognize /, '')
    .replace(/^No connection established\. Last error: /, '')
    .replace(/[\s.]*Resolution note:.*$/s, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)/g, '')
    .replace(/^Error: /, '')
    .replace(/^.*:SSL routines:[^:]*:([^:]+):.*$/s, 'TLS: $1')
    .replace(/; if the root CA is installed locally.*$/s, '')
    .replace(/[\s.]+$/, '');
  return text === '' ? 'it gave no reason' : text;
};

/** Says why the server can't be used now. */
export const describeOutage = (server: string, failure: ClientFailure): string => {
  switch (classifyFailure(failure)) {
    case 'denied':
      return `The log server ${server} refuses the user: ${shorten(failure)}.`;
    case 'unsuitable':
      return `The log server ${server} can't be used: ${shorten(failure)}.`;
    default:
      return `The log server ${server} is unavailable: ${shorten(failure)}.`;
  }
};

/** Says why the log can't be opened and what to do; undefined if waiting may help. */
export const describeUnusable = (server: string, failure: ClientFailure): string | undefined => {
  const reason = shorten(failure);
  switch (classifyFailure(failure)) {
    case 'denied':
      return failure.code === code.unauthenticated || /not authenticated/i.test(reason)
        ? `The log server ${server} does not accept the user and password (${reason}). Correct them in the connection string.`
        : `The log server ${server} does not let this user read $all or write (${reason}). Put user:password@ of a member of $admins into the connection string, or allow this one in the server's $settings.`;
    case 'unsuitable':
      if (failure.type === 'no-positions')
        return `The log server ${server} is too old: it does not tell the positions of events. Hookledger needs EventStoreDB 22.10 or newer, or KurrentDB.`;
      if (wrongSecurity.test(failure.message))
        return `The log server ${server} can't be connected to securely (${reason}). Name its certificate authority in tlsCAFile, or put tls=false into the connection string if the server runs insecure.`;
      return `What listens at ${server} is not an EventStoreDB or KurrentDB server (${reason}). Correct the address in the connection string.`;
    default:
      return undefined;
  }
};

/** Says why the log can't be opened after waiting for the server. */
export const describeStartTimeout = (reason: string, seconds: number, tls: boolean): string => {
  const orTls = !tls && /Failed to connect/.test(reason) ? ', take tls=false out of the connection string if it uses TLS,' : '';
  return `${reason} Waited ${seconds} s for it. Start the server${orTls} or correct its address in the connection string.`;
};
