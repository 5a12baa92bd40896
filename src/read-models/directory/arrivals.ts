// Organizations and API keys that the log has and this process does not show yet, because another replica has just made them: waited for, within seconds.
import type { OrganizationId, Position } from '../../domain/ids.ts';
import { apiKeyStream, organizationStream } from '../../domain/streams.ts';
import type { EventStore } from '../../event-store/event-store.ts';
import { apiKeyIdOf } from '../../event-store/id-generation.ts';
import type { EndpointDirectory } from './endpoint-directory.ts';

const longestWaitMs = 5_000;
/** Anybody may send keys that nobody issued. While so many are looked for, another unknown one is refused at once. */
const mostKeysAtOnce = 4;

export class Arrivals {
  private keysAtOnce = 0;

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly directory: Pick<EndpointDirectory, 'organizations' | 'progress' | 'apiKey'>,
  ) {}

  /** Whether this process has ever heard of the organization. */
  isKnown(id: OrganizationId): boolean {
    const { organizations } = this.directory;
    return organizations.get(id) !== undefined || organizations.isDeleted(id);
  }

  /** Whether there is such an organization. @throws ConfigurationUnavailable, LogUnavailable */
  async organization(id: OrganizationId): Promise<boolean> {
    if (!this.isKnown(id)) await this.follow(organizationStream(id));
    return this.directory.organizations.has(id);
  }

  /** Whether there is such an API key, by its hash. @throws ConfigurationUnavailable, LogUnavailable */
  async apiKey(hash: string): Promise<boolean> {
    if (this.keysAtOnce >= mostKeysAtOnce) return false;
    this.keysAtOnce++;
    try {
      await this.follow(apiKeyStream(apiKeyIdOf(hash)));
    } finally {
      this.keysAtOnce--;
    }
    return this.directory.apiKey(hash) !== undefined;
  }

  private async follow(stream: string): Promise<void> {
    const [first]: readonly { readonly position: Position }[] = await this.store.readStream(stream, { upTo: 0 });
    if (first) await this.directory.progress.reached(first.position, longestWaitMs);
  }
}
