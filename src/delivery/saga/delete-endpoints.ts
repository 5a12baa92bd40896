// The handler of DeleteEndpoints, which the saga decides when an organization was deleted: deletes its endpoints one by one. What waits at each is then
// cancelled as at any endpoint that was deleted, some at a time, so a million waiting deliveries are no single append.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { endpointStream } from '../../domain/streams.ts';
import { LogUnavailable } from '../../event-store/event-store.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DeleteEndpoints } from './saga-commands.ts';

/** Endpoints that are deleted in one append. */
const atOnce = 100;
const longestWaitMs = 5_000;

@CommandHandler(DeleteEndpoints)
export class DeleteEndpointsHandler implements ICommandHandler<DeleteEndpoints> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  /** Deletes those that are left, so after a crash it goes on where it was. @throws LogUnavailable: try again */
  async execute({ organizationId, position, cause }: DeleteEndpoints): Promise<void> {
    // The directory names them once it has come to the event.
    if (!(await this.directory.progress.reached(position, longestWaitMs)))
      throw new LogUnavailable('The directory has not come to the deletion of an organization yet.', 1);
    const ids = this.directory.organizations.endpointsLeftBy(organizationId);
    for (let from = 0; from < ids.length; from += atOnce)
      await this.executor.executeAll(
        ids
          .slice(from, from + atOnce)
          .map((id) => ({ stream: endpointStream(id), decider: endpoint, command: { type: 'Delete' } as const })),
        { actor: 'system:delivery-saga', commandId: cause.causationId, ...cause },
      );
  }
}
