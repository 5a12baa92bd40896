import { describe, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { dueCause, registered } from '../../../test/support/samples.ts';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { fold } from '../../domain/decider.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { inWords } from '../../domain/endpoint-disabling.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DisableDeadEndpointHandler } from './disable-dead-endpoint.ts';
import { DisableDeadEndpoint } from './saga-commands.ts';

const day = 86_400;

const disable = async (all: readonly EndpointEvent[], deadSeconds: number, revision = all.length - 1) => {
  const store = new MemoryEventStore();
  store.record(...all.map((event) => ({ stream: 'endpoint-e1', event })));
  const state = fold(endpoint, all);
  const directory = {
    endpoint: () => (state.exists === 'yes' ? { revision: all.length - 1, configuration: state.configuration } : undefined),
  } as unknown as EndpointDirectory; // all that it uses
  const handler = new DisableDeadEndpointHandler(new CommandExecutor(store), directory);
  await handler.execute(new DisableDeadEndpoint('e1' as EndpointId, revision, deadSeconds * 1_000, 'It answered 500.', dueCause));
  return store.log.slice(all.length).map(({ type, data }) => ({ type, data }));
};
const fiveDays = registered({ disableAfterSeconds: 5 * day });

describe('an endpoint to which no attempt succeeds', () => {
  it('is disabled after as long as it says, and not sooner', async () => {
    expect(await disable([fiveDays], 5 * day - 1)).toEqual([]);
    expect(await disable([fiveDays], 5 * day)).toEqual([
      { type: 'endpoint.disabled', data: { reason: 'No attempt has succeeded for 5 days. The last one: It answered 500.' } },
    ]);
  });
  it('is never disabled where it says nothing, as in older logs', async () =>
    expect(await disable([registered()], 1_000 * day)).toEqual([]));
  it('is not disabled by attempts of an older configuration, nor twice', async () => {
    expect(await disable([fiveDays, { type: 'endpoint.renamed', data: { name: 'B' } }], 9 * day, 0)).toEqual([]);
    expect(await disable([fiveDays, { type: 'endpoint.disabled', data: { reason: null } }], 9 * day)).toEqual([]);
  });
});

it.each([
  [1, '1 second'],
  [90, '90 seconds'],
  [5_400, '90 minutes'],
  [86_400, '1 day'],
  [432_000, '5 days'],
])('%i seconds are %s in words', (seconds, words) => expect(inWords(seconds)).toBe(words));
