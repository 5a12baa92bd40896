// What each organization has of something that all share, such as places for requests. Part of it is kept for organizations that have little: so one
// that takes all it can get leaves the others room for what they do now.

/** Kept for organizations that have little. */
const keptPart = 1 / 8;
/** Little is up to this part of what is kept. */
const littlePart = 1 / 4;

export class OrganizationShare {
  private readonly counts = new Map<string, number>();
  private total = 0;

  constructor(
    private readonly max: number,
    /** Whether there are organizations to share with. Left out: there are. */
    private readonly isShared: () => boolean = () => true,
  ) {}

  get count(): number {
    return this.total;
  }

  /** How much there may be of all together before the organization gets more. */
  limitFor(organization: string): number {
    const kept = Math.floor(this.max * keptPart);
    if (kept === 0 || !this.isShared()) return this.max;
    return this.hasLittle(organization, kept) ? this.max : this.max - kept;
  }

  /** Others share with it, and it has little. */
  isSmall(organization: string): boolean {
    const kept = Math.floor(this.max * keptPart);
    return kept > 0 && this.isShared() && this.hasLittle(organization, kept);
  }

  add(organization: string, change: number): void {
    this.total += change;
    const count = (this.counts.get(organization) ?? 0) + change;
    if (count === 0) this.counts.delete(organization);
    else this.counts.set(organization, count);
  }

  private hasLittle(organization: string, kept: number): boolean {
    return (this.counts.get(organization) ?? 0) < Math.max(1, Math.floor(kept * littlePart));
  }
}
