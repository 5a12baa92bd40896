// What the errors of the client mean: which of them say that nothing was written, and what a person reads.
import type { ClientFailure } from './client.worker.ts';

/** gRPC's status codes that say something of their own. */
const code = { notFound: 5, permissionDenied: 7, unimplemented: 12, unavailable: 14, unauthenticated: 16 };

/** The thread ended, or was replaced, with the call on its way. */
export const lostCall = (message: string): ClientFailure => ({ type: 'lost', code: undefined, message });
/** The call took too long. After some ends of a connection the client waits for ever, so that it is not to be trusted then. */
export const unansweredCall = (message: string): ClientFailure => ({ type: 'unanswered', code: undefined, message });

export type FailureKind =
  /** The stream is elsewhere: nothing was written. */
  | 'conflict'
  /** The stream was deleted on the server: nothing was written. */
  | 'deleted'
  | 'too-large'
  /** The user may not do that, or the password is not that user's. */
  | 'denied'
  /** The server can be reached and is not a log server that we can work with. */
  | 'unsuitable'
  /** The server had not come to an end with it in its own time, or drops a repeated append until the first is replicated: outcome unknown. */
  | 'unfinished'
  /** It was not reached, or can't do it now, or did not answer: whether something was written is unknown. The client copes. */
  | 'away'
  /** As `away`; but the client that met it can't be trusted with another append. */
  | 'broken';

/** What a server says while it starts, elects, or has too much to do; the package knows no type for it. */
const notNow = /not ready|is (?:too )?busy|no leader info|write after end|slow|resubscription/i;
/** What waiting does not mend. */
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
      return 'unfinished';
    case 'lost':
    case 'timeout':
    case 'cancelled':
    case 'not-leader':
      return 'away';
    case 'unanswered':
      return 'broken';
    default:
      break;
  }
  if (status === code.permissionDenied || status === code.unauthenticated) return 'denied';
  if (status === code.unimplemented) return 'unsuitable';
  if (wrongSecurity.test(message) || wrongProtocol.test(message)) return 'unsuitable';
  if (type === 'unavailable' || status === code.unavailable || notNow.test(message)) return 'away';
  return 'broken';
};

/** The part of gRPC's message that a person can use. */
const essence = ({ message }: ClientFailure): string => {
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

/** Why the server can't be used now. */
export const describeOutage = (server: string, failure: ClientFailure): string => {
  switch (classifyFailure(failure)) {
    case 'denied':
      return `The log server ${server} refuses the user: ${essence(failure)}.`;
    case 'unsuitable':
      return `The log server ${server} can't be used: ${essence(failure)}.`;
    default:
      return `The log server ${server} is away: ${essence(failure)}.`;
  }
};

/** Why the log can't be opened, and what to do; undefined where waiting may help. */
export const describeUnusable = (server: string, failure: ClientFailure): string | undefined => {
  const reason = essence(failure);
  switch (classifyFailure(failure)) {
    case 'denied':
      return failure.code === code.unauthenticated || /not authenticated/i.test(reason)
        ? `The log server ${server} does not take the user and password (${reason}). Correct them in the connection string.`
        : `The log server ${server} does not let this user read $all or write (${reason}). Put user:password@ of a member of $admins into the connection string, or allow this one in the server's $settings.`;
    case 'unsuitable':
      if (failure.type === 'no-positions')
        return `The log server ${server} is too old: it does not tell the positions of events. Hookledger needs EventStoreDB 22.10 or newer, or KurrentDB.`;
      if (wrongSecurity.test(failure.message))
        return `The log server ${server} can't be connected to securely (${reason}). Name its certificate authority in tlsCAFile, or put tls=false into the connection string if it runs insecure.`;
      return `What listens at ${server} is not an EventStoreDB or KurrentDB server (${reason}). Correct the address in the connection string.`;
    default:
      return undefined;
  }
};

/** The same after it was waited for. */
export const describeStartTimeout = (reason: string, seconds: number, tls: boolean): string => {
  const orTls = !tls && /Failed to connect/.test(reason) ? ', take tls=false out of the connection string if it uses TLS,' : '';
  return `${reason} It was waited for ${seconds} s. Start the server${orTls} or correct its address in the connection string.`;
};
