// The handler of DisableGoneEndpoint, which the saga decides when a receiver answers `410 Gone`.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DisableGoneEndpoint } from './saga-commands.ts';
import { endpointStream } from '../../domain/streams.ts';

@CommandHandler(DisableGoneEndpoint)
export class DisableGoneEndpointHandler implements ICommandHandler<DisableGoneEndpoint> {
  constructor(
    private readonly executor: CommandExecutor,
    private readonly directory: EndpointDirectory,
  ) {}

  async execute({ endpointId, revision, cause }: DisableGoneEndpoint): Promise<void> {
    const current = this.directory.endpoint(endpointId);
    if (current?.revision !== revision) return; // it was changed or deleted since
    const command = { type: 'Disable', reason: 'The receiver answered 410 Gone.' } as const;
    const state = { exists: 'yes', configuration: current.configuration } as const;
    // After a conflict the executor loads another state: the endpoint was changed or deleted just now. Then nothing is decided.
    const decider: typeof endpoint = { ...endpoint, decide: (it, at) => (at === state ? endpoint.decide(it, at) : []) };
    await this.executor.execute(
      { stream: endpointStream(endpointId), decider, command, expected: { state, revision } },
      { actor: 'system:delivery-saga', commandId: cause.causationId, ...cause },
    );
  }
}
