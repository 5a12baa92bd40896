// What to do about a failed attempt, in a sentence, from what was recorded of it.
import type { FailureReason } from './attempts.ts';

const byCode: Readonly<Record<number, string>> = {
  400: 'The receiver could not read the request: compare the body below with what it expects, and check the format of the endpoint.',
  401: "The receiver asks for credentials: check the endpoint's secret, its signature and its headers.",
  403: "The receiver refuses the request: check the endpoint's secret, its signature and its headers, and whether the receiver lets this address in.",
  404: 'Nothing is at this path: check the URL of the endpoint.',
  405: 'The receiver takes no POST at this path: check the URL of the endpoint.',
  408: 'The receiver gave up waiting for the request: ask whether it is overloaded.',
  410: 'The receiver says that it is gone for good, so the endpoint was disabled: change its URL and enable it, or delete it.',
  413: 'The receiver takes no body of this size: raise its limit, or send fewer messages in a batch.',
  415: 'The receiver does not take this content type: check the format of the endpoint.',
  422: 'The receiver understood the request and refuses its content: compare the body below with what it expects.',
  429: 'The receiver asks for fewer requests: give the endpoint a rate limit; meanwhile its deliveries wait and lose no attempt.',
};

const byReason: Readonly<Record<Exclude<FailureReason, 'HTTP_STATUS'>, string>> = {
  REDIRECT: 'Redirects are never followed: change the URL of the endpoint to where it points.',
  TIMEOUT: 'The receiver took too long: let it answer first and work afterwards, or raise the timeout of the endpoint.',
  DNS: "The name of the host can't be resolved: check the URL of the endpoint for a typing mistake, or its DNS record.",
  CONNECTION: 'No connection, or it broke: check that the receiver runs, and that a firewall lets this address in.',
  TLS: "No secure connection: check the receiver's certificate, its chain and the name that it is made out for.",
  BLOCKED_ADDRESS: 'The URL leads to an address that may not be called: use a public one, or ask who runs this installation to allow it.',
  FORMAT: 'No body could be made of the message: check the format, the template and the routing key of the endpoint.',
};

/** Null: it succeeded. */
export const attemptHint = (failure: FailureReason | null, responseCode: number | undefined): string | null => {
  if (failure === null) return null;
  if (failure !== 'HTTP_STATUS') return byReason[failure];
  if (responseCode === undefined) return 'The receiver answered, but not with success: look at the response.';
  const hint = byCode[responseCode];
  if (hint !== undefined) return hint;
  if (responseCode >= 500) return 'The receiver failed: look into its own log at this time; the delivery is tried again by the schedule.';
  return 'Only 2xx counts as success: let the receiver answer so once it has taken the request.';
};
