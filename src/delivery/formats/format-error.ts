// Errors of making a request. The attempt fails as FORMAT with the error's message, a sentence.

/** No request can be made from this message with this configuration. */
export class FormatError extends Error {
  override name = 'FormatError';
}

/** The template is not to blame: the same evaluation may succeed later. */
export class NotEvaluated extends FormatError {
  override name = 'NotEvaluated';
}

/** No process has looked at the template, for a reason of this machine. */
export class NotBegun extends NotEvaluated {
  override name = 'NotBegun';
}
