import { describe, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../test/support/memory-event-store.ts';
import { dueCause, harmlessUrl, registered } from '../../../test/support/samples.ts';
import { CommandExecutor } from '../../commands/command-executor.ts';
import { fold } from '../../domain/decider.ts';
import type { EndpointEvent } from '../../domain/endpoint-events.ts';
import { endpoint } from '../../domain/endpoint.ts';
import { inWords } from '../../domain/endpoint-disabling.ts';
import type { EndpointId } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { DisableDeadEndpointHandler, DisableGoneEndpointHandler } from './disable-endpoints.ts';
import { DisableDeadEndpoint, DisableGoneEndpoint } from './saga-commands.ts';

/** The log holds `all`; the directory has come as far as `known` of them. @returns what the handler adds to the log */
const given = (all: readonly EndpointEvent[], known = all.length) => {
  const store = new MemoryEventStore();
  store.record(...all.map((event) => ({ stream: 'endpoint-e1', event })));
  const state = fold(endpoint, all.slice(0, known));
  const directory = {
    endpoint: () => (state.exists === 'yes' ? { revision: known - 1, configuration: state.configuration } : undefined),
  } as unknown as EndpointDirectory; // all that it uses
  return {
    executor: new CommandExecutor(store),
    directory,
    added: () => store.log.slice(all.length).map(({ type, data }) => ({ type, data })),
  };
};
const disableGone = async (all: readonly EndpointEvent[], known: number, revision: number) => {
  const { executor, directory, added } = given(all, known);
  await new DisableGoneEndpointHandler(executor, directory).execute(new DisableGoneEndpoint('e1' as EndpointId, revision, dueCause));
  return added();
};
const disableDead = async (all: readonly EndpointEvent[], deadSeconds: number, revision = all.length - 1) => {
  const { executor, directory, added } = given(all);
  const command = new DisableDeadEndpoint('e1' as EndpointId, revision, deadSeconds * 1_000, 'It answered 500.', dueCause);
  await new DisableDeadEndpointHandler(executor, directory).execute(command);
  return added();
};

const moved: EndpointEvent = { type: 'endpoint.url-changed', data: { url: harmlessUrl('https://new.example') } };
const deleted: EndpointEvent = { type: 'endpoint.deleted', data: {} };

describe('410 Gone', () => {
  it('disables the endpoint', async () =>
    expect(await disableGone([registered()], 1, 0)).toEqual([
      { type: 'endpoint.disabled', data: { reason: 'The receiver answered 410 Gone.' } },
    ]));
  it('says nothing about a configuration that came after', async () => expect(await disableGone([registered(), moved], 2, 0)).toEqual([]));
  it('says nothing about one that came in this moment', async () => expect(await disableGone([registered(), moved], 1, 0)).toEqual([]));
  it('is no obstacle when the endpoint was deleted, be it in this moment', async () => {
    expect(await disableGone([registered(), deleted], 2, 0)).toEqual([]);
    expect(await disableGone([registered(), deleted], 1, 0)).toEqual([]);
  });
});

const day = 86_400;
const fiveDays = registered({ disableAfterSeconds: 5 * day });

describe('an endpoint to which no attempt succeeds', () => {
  it('is disabled after as long as it says, and not sooner', async () => {
    expect(await disableDead([fiveDays], 5 * day - 1)).toEqual([]);
    expect(await disableDead([fiveDays], 5 * day)).toEqual([
      { type: 'endpoint.disabled', data: { reason: 'No attempt has succeeded for 5 days. The last one: It answered 500.' } },
    ]);
  });
  it('is never disabled where it says nothing, as in older logs', async () =>
    expect(await disableDead([registered()], 1_000 * day)).toEqual([]));
  it('is not disabled by attempts of an older configuration, nor twice', async () => {
    expect(await disableDead([fiveDays, { type: 'endpoint.renamed', data: { name: 'B' } }], 9 * day, 0)).toEqual([]);
    expect(await disableDead([fiveDays, { type: 'endpoint.disabled', data: { reason: null } }], 9 * day)).toEqual([]);
  });
});

it.each([
  [1, '1 second'],
  [90, '90 seconds'],
  [5_400, '90 minutes'],
  [86_400, '1 day'],
  [432_000, '5 days'],
])('%i seconds are %s in words', (seconds, words) => expect(inWords(seconds)).toBe(words));
