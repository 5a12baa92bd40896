// Read your writes: a mutation answers when views and directory show what it did. The wait is bounded: what is recorded is recorded.
import { Inject, Injectable } from '@nestjs/common';
import type { CommandResult } from '../commands/caller.ts';
import type { Position } from '../domain/ids.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { API_LOG, VIEWS_PROGRESS, type ApiLog, type ViewsProgress } from './tokens.ts';

const longestWaitMs = 5_000;

@Injectable()
export class ReadYourWrites {
  constructor(
    @Inject(VIEWS_PROGRESS) private readonly views: ViewsProgress,
    private readonly directory: EndpointDirectory,
    @Inject(API_LOG) private readonly log: ApiLog,
  ) {}

  /** For messages and deliveries: the views show it. */
  async shown<D extends CommandResult>(done: D): Promise<D> {
    return this.waited(done, (position) => [this.views.reached(position, longestWaitMs)]);
  }

  /** For configuration: the views show it, and the directory, which only follows configuration, goes by it. */
  async inForce<D extends CommandResult>(done: D): Promise<D> {
    return this.waited(done, (position) => [
      this.views.reached(position, longestWaitMs),
      this.directory.progress.reached(position, longestWaitMs),
    ]);
  }

  /** Never rejects: when something is late, that is a line in the log, and the answer is made of what is known. */
  private async waited<D extends CommandResult>(done: D, wait: (position: Position) => Promise<boolean>[]): Promise<D> {
    const { position } = done;
    if (position === undefined) return done;
    const reached = await Promise.all(wait(position));
    if (reached.includes(false)) this.log.warn({ position }, 'A change is recorded, but the views do not show it yet');
    return done;
  }
}
