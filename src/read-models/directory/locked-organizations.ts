// The organizations that are unusable because the master key does not open their keys. Once re-wrapped, they are usable again.
import type { OrganizationId } from '../../domain/ids.ts';
import { organizationStream } from '../../domain/streams.ts';
import { SecretUnreadable } from '../../secrets/vault.ts';
import type { OrganizationEntry } from './organization-entry.ts';
import type { UnusableStreams } from './unusable-streams.ts';

export class LockedOrganizations {
  /** Without those that are unusable for another reason as well. */
  private readonly locked = new Set<OrganizationId>();
  private firstError: SecretUnreadable | undefined;

  constructor(private readonly unusable: UnusableStreams) {}

  /**
   * Opens the organization's keys as its newest event has them. Not before the start has read all events: it may have been re-wrapped.
   * @returns whether its endpoints can or can't be used from here on
   */
  open(entry: OrganizationEntry): boolean {
    const stream = organizationStream(entry.id);
    try {
      entry.open();
    } catch (error) {
      if (!(error instanceof SecretUnreadable)) throw error;
      this.firstError ??= error;
      if (!this.unusable.has(stream)) this.locked.add(entry.id);
      this.unusable.add(stream, error);
      return true;
    }
    if (!this.locked.delete(entry.id)) return false;
    this.unusable.delete(stream);
    return true;
  }

  /** It was deleted. */
  forget(id: OrganizationId): void {
    this.locked.delete(id);
  }

  /** Defined if the master key opens none of them: it is then the wrong one. */
  failure(all: Iterable<OrganizationEntry>): SecretUnreadable | undefined {
    if (!this.firstError) return undefined;
    for (const entry of all) if (entry.isOpen) return undefined;
    return this.firstError;
  }
}
