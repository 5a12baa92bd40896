// No request can be made of this message with this configuration: the attempt fails as FORMAT with this sentence.

export class FormatError extends Error {
  override name = 'FormatError';
}
