// A name that can't be resolved now.

/** `reason`: `not-found`, `no-answer` from any DNS server in time, or a code such as `ESERVFAIL`. */
export class NameFailure extends Error {
  override name = 'NameFailure';
  constructor(
    readonly hostname: string,
    readonly reason: string,
  ) {
    super(`The name ${hostname} can't be resolved: ${reason}.`);
  }
}
