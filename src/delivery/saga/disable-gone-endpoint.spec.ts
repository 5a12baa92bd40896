import { describe, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { dueCause, harmlessUrl, registered } from '../../../test/support/samples.ts';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { fold } from '../../domain/decider.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint } from '../../domain/endpoint.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DisableGoneEndpoint } from './saga-commands.ts';
import { DisableGoneEndpointHandler } from './disable-gone-endpoint.ts';

/** The log holds `all`; the directory has come as far as `known` of them. */
const disable = async (all: readonly EndpointEvent[], known: number, revision: number) => {
  const store = new MemoryEventStore();
  store.record(...all.map((event) => ({ stream: 'endpoint-e1', event })));
  const state = fold(endpoint, all.slice(0, known));
  const directory = {
    endpoint: () => (state.exists === 'yes' ? { revision: known - 1, configuration: state.configuration } : undefined),
  } as unknown as EndpointDirectory; // all that it uses
  const handler = new DisableGoneEndpointHandler(new CommandExecutor(store), directory);
  await handler.execute(new DisableGoneEndpoint('e1' as EndpointId, revision, dueCause));
  return store.log.slice(all.length).map(({ type, data }) => ({ type, data }));
};
const moved: EndpointEvent = { type: 'endpoint.url-changed', data: { url: harmlessUrl('https://new.example') } };
const deleted: EndpointEvent = { type: 'endpoint.deleted', data: {} };

describe('410 Gone', () => {
  it('disables the endpoint', async () =>
    expect(await disable([registered()], 1, 0)).toEqual([
      { type: 'endpoint.disabled', data: { reason: 'The receiver answered 410 Gone.' } },
    ]));
  it('says nothing about a configuration that came after', async () => expect(await disable([registered(), moved], 2, 0)).toEqual([]));
  it('says nothing about one that came in this moment', async () => expect(await disable([registered(), moved], 1, 0)).toEqual([]));
  it('is no obstacle when the endpoint was deleted, be it in this moment', async () => {
    expect(await disable([registered(), deleted], 2, 0)).toEqual([]);
    expect(await disable([registered(), deleted], 1, 0)).toEqual([]);
  });
});
