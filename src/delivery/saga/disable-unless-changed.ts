// Disables an endpoint because of an attempt, unless it was changed since that attempt was configured.
import type { CommandExecutor } from '../../commands/command-executor.ts';
import { endpoint } from '../../domain/endpoint.ts';
import type { EndpointId } from '../../domain/ids.ts';
import { endpointStream } from '../../domain/streams.ts';
import type { ResolvedEndpoint } from '../../read-models/directory/resolved-endpoint.ts';
import type { DueCause } from './saga-commands.ts';

export const disableUnlessChanged = async (
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
