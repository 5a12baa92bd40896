// Why an attempt failed, as far as a caller may know: without addresses inside the network, secret parts of URLs, or contents of messages.
import { maskAddressesIn, maskResolvedAddress, type FailedAttempt } from '../../../domain/address-masking.ts';
import { maskUrlsInText } from '../../../domain/url-masking.ts';
import type { AttemptView } from '../../../read-models/queries/delivery-view.ts';
import type { AuthenticatedCaller } from '../../auth/authentication.ts';
import type { Sight } from '../../auth/sight.ts';

/** What a template or format says of a message may quote it. */
const hidden = "No body could be made of the message; the reason may quote its content, and your session doesn't show contents.";

export const shownError = (failed: FailedAttempt, { addresses, payloads }: Sight): string => {
  if (payloads === 'HIDDEN' && failed.failure === 'FORMAT') return hidden;
  return maskUrlsInText(addresses ? failed.error : maskResolvedAddress(failed));
};

/** Of an attempt; null if it succeeded. */
export const shownErrorOf = ({ failure, error, url }: AttemptView, { sight }: AuthenticatedCaller): string | null =>
  failure === null || error === null ? error : shownError({ failure, error, url }, sight);

/** The same for a sentence of which nobody says why the attempt failed. */
export const shownLastError = (error: string, url: string, { addresses, payloads }: Sight): string => {
  if (payloads === 'HIDDEN' && /\b(?:template|format)\b/i.test(error)) return hidden;
  return maskUrlsInText(addresses ? error : maskAddressesIn(error, url));
};
