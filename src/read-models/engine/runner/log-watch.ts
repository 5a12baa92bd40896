// Whether this process can read the log. A leader that can't would keep others, which can, from leading; so would a replica that claims attempts.
import type { EventStore } from '../../../event-store/event-store.ts';
import { pause } from './bell.ts';

const checkMs = 1_500;
/** A log server that takes longer counts as out of reach. */
const answersWithinMs = 4_000;

export class LogWatch {
  constructor(private readonly store: Pick<EventStore, 'tip'>) {}

  async answers(signal: AbortSignal): Promise<boolean> {
    const answered = this.store.tip().then(
      () => true,
      () => false,
    );
    return Promise.race([answered, pause(answersWithinMs, signal).then(() => false)]);
  }

  /** Tells each change until the signal aborts. The log counts as in reach at first. */
  async tell(changed: (answers: boolean) => void, signal: AbortSignal): Promise<void> {
    for (let before = true; !signal.aborted; await pause(checkMs, signal)) {
      const answers = await this.answers(signal);
      if (answers !== before && !signal.aborted) changed(answers);
      before = answers;
    }
  }

  /** Resolves once the log can't be read, or the signal aborts. */
  async untilLost(signal: AbortSignal): Promise<void> {
    do await pause(checkMs, signal);
    while (!signal.aborted && (await this.answers(signal)));
  }
}
