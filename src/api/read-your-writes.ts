// Read your writes: a mutation answers when views and directory show what it did. The wait is bounded: what is recorded is recorded.
import { Inject, Injectable } from '@nestjs/common';
import type { Done } from '../commands/caller.ts';
import { EndpointDirectory } from '../read-models/endpoint-directory.ts';
import { API_LOG, VIEWS_PROGRESS, type ApiLog, type ViewsProgress } from './tokens.ts';

const longestWaitMs = 5_000;

@Injectable()
export class ReadYourWrites {
  constructor(
    @Inject(VIEWS_PROGRESS) private readonly views: ViewsProgress,
    private readonly directory: EndpointDirectory,
    @Inject(API_LOG) private readonly log: ApiLog,
  ) {}

  /** Never rejects: when the views are late, that is a line in the log, and the answer is made of what the log says. */
  async shown<D extends Done>(done: D): Promise<D> {
    const { position } = done;
    if (position === undefined) return done;
    const [views, directory] = await Promise.all([
      this.views.reached(position, longestWaitMs),
      this.directory.progress.reached(position, longestWaitMs),
    ]);
    if (!views || !directory) this.log.warn({ position, views, directory }, 'A change is recorded, but the views do not show it yet');
    return done;
  }
}
