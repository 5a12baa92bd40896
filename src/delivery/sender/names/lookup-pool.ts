// A pool of look-ups: how many names are looked up at a time. Names that failed before get only some of the places, and new ones most but not all, so
// that names which never resolve, however many, leave room for those that do.

/** By the last look-up of the name. */
export type NameState = 'answering' | 'new' | 'failing';

export type Places = {
  /** In all. */
  readonly all: number;
  /** For names that are new or failed. */
  readonly unproven: number;
  readonly failing: number;
};

/** A look-up did not end in time. */
export class LookupLate extends Error {
  override name = 'LookupLate';
}

type Waiting = { readonly begin: () => void; readonly isLate: () => boolean };

export class LookupPool {
  private readonly running: Record<NameState, number> = { answering: 0, new: 0, failing: 0 };
  private readonly waiting: Readonly<Record<NameState, Waiting[]>> = { answering: [], new: [], failing: [] };

  constructor(private readonly places: Places) {}

  /**
   * @param ms for waiting and working. A work that is late keeps its place until it ends, as a look-up can't be interrupted.
   * @throws LookupLate
   */
  run<T>(state: NameState, ms: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        reject(new LookupLate());
      }, ms);
      const begin = () => {
        this.running[state]++;
        void work()
          .then(resolve, reject)
          .finally(() => {
            clearTimeout(timer);
            this.running[state]--;
            this.beginNext();
          });
      };
      this.waiting[state].push({ begin, isLate: () => isLate });
      this.beginNext();
    });
  }

  private beginNext(): void {
    for (const state of ['answering', 'new', 'failing'] as const) {
      const waiting = this.waiting[state];
      while (waiting.length > 0 && this.hasRoom(state)) {
        const next = waiting.shift();
        if (next && !next.isLate()) next.begin();
      }
    }
  }

  private hasRoom(state: NameState): boolean {
    const { running, places } = this;
    const unproven = running.new + running.failing;
    if (running.answering + unproven >= places.all) return false;
    if (state === 'answering') return true;
    return unproven < places.unproven && (state === 'new' || running.failing < places.failing);
  }
}
