// Turns at something of which only so much is done at a time: organizations take turns, and within each what it does. A turn is named by both,
// `<organization>/<what>`; what belongs to no organization names none before the slash.
import { FairGroups } from './fair-queue.ts';

export const organizationOfTurn = (turn: string): string => turn.slice(0, Math.max(turn.indexOf('/'), 0));

export class Turns {
  private readonly waiting = new FairGroups<() => void>(1, organizationOfTurn);
  private running = 0;

  /** @param places how much is done at a time */
  constructor(private readonly places: number) {}

  async run<T>(turn: string, work: () => Promise<T>): Promise<T> {
    const end = await this.begin(turn);
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Resolves when it is its turn. @returns ends it; call it once */
  async begin(turn: string): Promise<() => void> {
    if (this.running < this.places) this.running++;
    else await new Promise<void>((resolve) => this.waiting.push(turn, 1, resolve)); // it takes over the place of the one that ended
    return () => {
      const next = this.waiting.take(() => true);
      if (next) next();
      else this.running--;
    };
  }
}
