// Why messages of an organization are not taken, and of several in one request, which.
import { DomainError, type RefusalCode } from '../domain/errors.ts';
import { ConfigurationUnavailable } from '../read-models/directory/configuration-unavailable.ts';

export type PublishRefusalCode = RefusalCode | 'PAYLOAD_TOO_LARGE' | 'TOO_MANY_REQUESTS' | 'UNAVAILABLE';

/** Nothing of these messages was stored. */
export class PublishRefused extends Error {
  override name = 'PublishRefused';
  constructor(
    readonly code: PublishRefusalCode,
    message: string,
    /** When to come back. Undefined: the same again is refused again. */
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** Messages of several organizations were published in one request. Nothing was stored; one repeat without these succeeds. */
export class SomeRefused extends Error {
  override name = 'SomeRefused';
  /** @param refused by the index in the request */
  constructor(readonly refused: ReadonlyMap<number, PublishRefused>) {
    const [[index, first] = []] = refused;
    const more = refused.size === 1 ? '' : ` (and ${refused.size - 1} more, see issues)`;
    super(`Message ${index} is refused, and with it the request: ${first?.message ?? ''}${more}`);
  }
}

/** @returns undefined for what is not about the messages' own organization */
export const publishRefusalOf = (error: unknown): PublishRefused | undefined => {
  if (error instanceof PublishRefused) return error;
  if (error instanceof DomainError) return new PublishRefused(error.code, error.message);
  if (error instanceof ConfigurationUnavailable)
    return new PublishRefused('UNAVAILABLE', error.message, Math.max(1, Math.ceil(error.retryAfterSeconds)));
  return undefined;
};
