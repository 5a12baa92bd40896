// A map of bounded size that keeps the entries used most recently.
export class RecentEntries<T> {
  private newer = new Map<string, T>();
  private older = new Map<string, T>();

  /** @param capacity most entries kept; at least half of it is */
  constructor(private readonly capacity: number) {}

  get(key: string): T | undefined {
    const recent = this.newer.get(key);
    if (recent !== undefined) return recent;
    const found = this.older.get(key);
    if (found !== undefined) this.set(key, found);
    return found;
  }

  set(key: string, value: T): void {
    this.newer.set(key, value);
    if (this.newer.size < this.capacity / 2) return;
    this.older = this.newer;
    this.newer = new Map();
  }
}
