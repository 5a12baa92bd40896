// How fast a receiver answers, as far as it can be told from here: the shortest of its recent answers, because any answer may wait for this process.
import type { AttemptResult } from '../attempts/attempt-runner.ts';

const answersPerWindow = 32;
/** A receiver that could take this many requests a second keeps up: if its lane is behind, this process is the reason. */
const enoughPerSecond = 1_000;
/** After this long without an answer it is not known any more. */
const forgottenAfterMs = 1_000;

export class ReceiverSpeed {
  private shortest = Infinity;
  private shortestBefore = Infinity;
  private answers = 0;
  /** Undefined: it does not answer. */
  private answeredAt: number | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** @param durationMs of the whole request */
  observe(receiver: AttemptResult['receiver'], durationMs = Infinity): void {
    if (receiver === 'unknown') return;
    this.answeredAt = receiver === 'answers' ? this.now() : undefined;
    if (receiver !== 'answers') return;
    this.shortest = Math.min(this.shortest, durationMs);
    if (++this.answers < answersPerWindow) return;
    this.answers = 0;
    this.shortestBefore = this.shortest;
    this.shortest = Infinity;
  }

  /** False while it has not answered yet. */
  keepsUp(concurrency: number): boolean {
    const shortest = Math.min(this.shortest, this.shortestBefore);
    const isAnswering = this.answeredAt !== undefined && this.now() - this.answeredAt < forgottenAfterMs;
    return isAnswering && concurrency * 1_000 >= enoughPerSecond * shortest;
  }
}
