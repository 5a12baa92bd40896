// The organizations, API keys and endpoints that this replica can't use, because an event of theirs can't be read or applied: of a newer version,
// damaged, or encrypted under another key. Everything else goes on.
import type { BaseLogger } from 'pino';
import type { ApiKeyId } from '../../domain/ids.ts';
import { apiKeyIdIn, categoryOf, idIn } from '../../domain/streams.ts';
import { ConfigurationUnavailable } from './configuration-unavailable.ts';
import { directoryName } from './configuration-follower.ts';

const kinds: Readonly<Record<string, string>> = { organization: 'organization', apikey: 'API key', endpoint: 'endpoint' };
const remedy = 'Run the version of Hookledger that wrote the event on this replica, too.';

/** Named one by one in readiness; of the others, their number. */
const mostNamed = 5;

export class UnusableStreams {
  /** Why, by stream. */
  private readonly reasons = new Map<string, string>();
  /** Log lines that wait for `startReporting`. */
  private waiting: (() => void)[] | undefined = [];

  constructor(private readonly log: Pick<BaseLogger, 'error'>) {}

  get size(): number {
    return this.reasons.size;
  }

  has(stream: string): boolean {
    return this.reasons.size > 0 && this.reasons.has(stream);
  }

  /** The first reason stays: what follows in the stream builds on what could not be read. */
  add(stream: string, error: unknown): void {
    if (this.reasons.has(stream)) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.reasons.set(stream, reason);
    const report = () =>
      this.log.error({ consumer: directoryName, stream, err: error }, `${directoryName}: ${sentenceFor(stream, reason)}`);
    if (this.waiting) this.waiting.push(report);
    else report();
  }

  /** Logs what was found until now, and from now on each one at once. Not before the start has succeeded: a wrong master key would fill the log. */
  startReporting(): void {
    for (const report of this.waiting ?? []) report();
    this.waiting = undefined;
  }

  delete(stream: string): void {
    this.reasons.delete(stream);
  }

  /** @throws ConfigurationUnavailable if the stream is unusable */
  check(stream: string): void {
    const reason = this.reasons.size === 0 ? undefined : this.reasons.get(stream);
    if (reason !== undefined) throw new ConfigurationUnavailable(sentenceFor(stream, reason));
  }

  /**
   * A key that is looked up in vain may be one whose issuing could not be read.
   * @throws ConfigurationUnavailable if there is one
   */
  checkUnidentifiedKeys(isIdentified: (id: ApiKeyId) => boolean): void {
    for (const [stream, reason] of this.reasons)
      if (categoryOf(stream) === 'apikey' && !isIdentified(apiKeyIdIn(stream)))
        throw new ConfigurationUnavailable(
          `The API key is not known here, but may be one that can't be read. ${sentenceFor(stream, reason)}`,
        );
  }

  /** For readiness; undefined if everything can be used. */
  get summary(): string | undefined {
    if (this.size === 0) return undefined;
    const named = Array.from(this.reasons).slice(0, mostNamed);
    const more = this.size > mostNamed ? [`So it is with ${this.size - mostNamed} more; the log names them.`] : [];
    return [...named.map(([stream, reason]) => `${subjectOf(stream)} can't be used here: ${ended(reason)}`), ...more, remedy].join(' ');
  }
}

const subjectOf = (stream: string) => `The ${kinds[categoryOf(stream)] ?? 'stream'} ${idIn(stream)}`;
const ended = (sentence: string) => (sentence.endsWith('.') ? sentence : `${sentence}.`);
const sentenceFor = (stream: string, reason: string) => `${subjectOf(stream)} can't be used here: ${ended(reason)} ${remedy}`;
