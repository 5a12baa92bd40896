// The handlers of what the saga decides about an endpoint because of an attempt: it answered `410 Gone`, or none has succeeded for too long. An endpoint
// that was changed since that attempt was configured stays as it is.
import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { inWords, isDead } from '../../domain/endpoint-disabling.ts';
import type { EndpointId } from '../../domain/ids.ts';
import { endpointStream } from '../../domain/streams.ts';
import { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import { DisableDeadEndpoint, DisableGoneEndpoint, type DueCause } from './saga-commands.ts';

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

/** The saga decides it at each failed attempt of an endpoint that had no success since an earlier one. */
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

const disableUnlessChanged = async (
  executor: CommandExecutor,
  id: EndpointId,
  { revision, configuration }: Pick<ResolvedEndpoint, 'revision' | 'configuration'>,
  reason: string,
  cause: DueCause,
): Promise<void> => {
  const state = { exists: 'yes', configuration } as const;
  // After a conflict the executor loads another state: the endpoint was changed or deleted just now. Then nothing is decided.
  const decider: typeof endpoint = { ...endpoint, decide: (it, at) => (at === state ? endpoint.decide(it, at) : []) };
  await executor.execute(
    { stream: endpointStream(id), decider, command: { type: 'Disable', reason }, expected: { state, revision } },
    { actor: 'system:delivery-saga', commandId: cause.causationId, ...cause },
  );
};
