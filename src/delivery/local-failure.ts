// A failure of this machine or process: an attempt that was not made for such a reason. It says nothing of the endpoint, so it is recorded nowhere and the
// attempt is made later.

export class LocalFailure extends Error {
  override name = 'LocalFailure';
  constructor(
    /** Such as `EMFILE`. */
    readonly reason: string,
    /** A sentence. */
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
