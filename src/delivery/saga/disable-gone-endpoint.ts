// The handler of DisableGoneEndpoint, which the saga decides when a receiver answers `410 Gone`.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { disableUnlessChanged } from './disable-unless-changed.ts';
import { DisableGoneEndpoint } from './saga-commands.ts';

@CommandHandler(DisableGoneEndpoint)
export class DisableGoneEndpointHandler implements ICommandHandler<DisableGoneEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ endpointId, revision, cause }: DisableGoneEndpoint): Promise<void> {
    const current = this.directory.endpoint(endpointId);
    if (current?.revision !== revision) return; // it was changed or deleted since
    await disableUnlessChanged(this.executor, endpointId, current, 'The receiver answered 410 Gone.', cause);
  }
}
