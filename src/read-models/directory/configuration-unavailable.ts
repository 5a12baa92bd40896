// Thrown instead of an answer that would rest on configuration which this replica can't read. The API maps it to 503.

/** The message says what can't be used, why, and what to do. Worth retrying: another replica may be able to, or this one in a while. */
export class ConfigurationUnavailable extends Error {
  override name = 'ConfigurationUnavailable';
  constructor(
    message: string,
    readonly retryAfterSeconds = 5,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
