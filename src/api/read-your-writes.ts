// Read your writes: a mutation answers once its effect is visible. The wait is bounded, because the change is recorded in any case.
import { Inject, Injectable } from '@nestjs/common';
import type { CommandResult } from '../commands/caller.ts';
import { EndpointDirectory } from '../read-models/directory/endpoint-directory.ts';
import { API_LOG, VIEWS_PROGRESS, type ApiLog, type ViewsProgress } from './tokens.ts';

const maxWaitMs = 5_000;

@Injectable()
export class ReadYourWrites {
  constructor(
    @Inject(VIEWS_PROGRESS) private readonly views: ViewsProgress,
    private readonly directory: EndpointDirectory,
    @Inject(API_LOG) private readonly log: ApiLog,
  ) {}

  /** For messages and deliveries: waits for the views. */
  async waitForViews<R extends CommandResult>(result: R): Promise<R> {
    return this.waitFor([this.views], result);
  }

  /** For configuration: also waits for the directory, by which messages are routed and keys are checked. */
  async waitForConfiguration<R extends CommandResult>(result: R): Promise<R> {
    return this.waitFor([this.views, this.directory.progress], result);
  }

  /** Never rejects. If the wait is too long it logs a warning, and the mutation answers with what is visible. */
  private async waitFor<R extends CommandResult>(readModels: readonly ViewsProgress[], result: R): Promise<R> {
    const { position } = result;
    if (position === undefined) return result;
    const reached = await Promise.all(readModels.map((readModel) => readModel.reached(position, maxWaitMs)));
    if (reached.includes(false)) this.log.warn({ position }, 'A change is recorded, but the views do not show it yet');
    return result;
  }
}
