// The handler of DisableDeadEndpoint, which the saga decides at each failed attempt of an endpoint that had no success since an earlier one.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { inWords, isDead } from '../../domain/endpoint-disabling.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { disableUnlessChanged } from './disable-unless-changed.ts';
import { DisableDeadEndpoint } from './saga-commands.ts';

@CommandHandler(DisableDeadEndpoint)
export class DisableDeadEndpointHandler implements ICommandHandler<DisableDeadEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  /** Nothing is asked of the log unless the endpoint is disabled. */
  async execute({ endpointId, revision, deadMs, lastError, cause }: DisableDeadEndpoint): Promise<void> {
    const current = this.directory.endpoint(endpointId);
    if (current?.revision !== revision) return; // it was changed or deleted since
    const { status, settings } = current.configuration;
    if (status === 'DISABLED' || !isDead(settings, deadMs)) return;
    const reason = `No attempt has succeeded for ${inWords(settings.disableAfterSeconds ?? 0)}. The last one: ${lastError}`;
    await disableUnlessChanged(this.executor, endpointId, current, reason, cause);
  }
}
