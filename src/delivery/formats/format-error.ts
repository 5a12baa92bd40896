// No request can be made of this message with this configuration: the attempt fails as FORMAT with this sentence.

export class FormatError extends Error {
  override name = 'FormatError';
}

/** The reason is not in the template: the same evaluation may well succeed later. */
export class NotEvaluated extends FormatError {
  override name = 'NotEvaluated';
}
