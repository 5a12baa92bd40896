// Checks the streams that are few and small: organizations, API keys, endpoints, sources, replays, bulk retries and seals. Each event must be one that its
// decider would have written after the events before it.
import type { StoredEvent } from '../../../event-store/codec.ts';
import type { RecordedEvent } from '../../../event-store/event-store.ts';
import type { ReadEarlier } from '../earlier-events.ts';
import type { Findings } from '../findings.ts';
import { checkEventId, commandIdsOf } from './event-ids.ts';
import type { JobCheck } from './jobs.ts';
import { redeciderFor, type Redecide } from './redecide-stream.ts';
import { checkRevision } from './revisions.ts';

/** `redecide` is undefined once an event is missing or unreadable. */
type SmallStream = { revision: number; redecide: Redecide | undefined };

export class SmallStreamCheck {
  private readonly streams = new Map<string, SmallStream>();

  /** @param isFromStart the first event that is checked is the first of the log */
  constructor(
    private readonly findings: Findings,
    private readonly jobs: JobCheck,
    private readonly readEarlier: ReadEarlier,
    private readonly isFromStart: boolean,
  ) {}

  /** @param event undefined if it is unreadable */
  async check(stored: StoredEvent, category: string, event: RecordedEvent | undefined): Promise<void> {
    const stream = this.streams.get(stored.stream) ?? (await this.open(stored, category));
    const follows = checkRevision(this.findings, stored, stream.revision + 1);
    stream.revision = stored.revision;
    if (!follows || !event) stream.redecide = undefined;
    if (!event) return;
    checkEventId(this.findings, event, commandIdsOf(event));
    if (!stream.redecide) return;
    this.findings.checked('states');
    const problem = stream.redecide(event) ?? (await this.jobs.findProblem(event));
    if (problem !== undefined) this.findings.wrong('states', event, problem);
  }

  private async open({ stream: name, revision }: StoredEvent, category: string): Promise<SmallStream> {
    const isFromStart = this.isFromStart || revision === 0;
    const { redecide, needsPast } = redeciderFor(category, isFromStart);
    // Earlier events are only needed for the state: an earlier verification checked them.
    if (needsPast) for (const earlier of await this.readEarlier(name, revision)) redecide(earlier);
    const stream = { revision: isFromStart ? -1 : revision - 1, redecide };
    this.streams.set(name, stream);
    return stream;
  }
}
