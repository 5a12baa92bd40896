import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { organizationId, registered, settings } from '../../test/support/samples.ts';
import { endpoint, type Endpoint, type EndpointCommand } from '../domain/endpoint.ts';
import { DomainError } from '../domain/errors.ts';
import { WrongExpectedRevision, type EventStore, type Write } from '../event-store/event-store.ts';
import { SqliteEventStore } from '../event-store/sqlite/sqlite-event-store.ts';
import { CommandExecutor, type Cause, type ExpectedState } from './command-executor.ts';

const register: EndpointCommand = { type: 'Register', organizationId, settings, secret: null, disabled: false };
const rename = (name: string): EndpointCommand => ({ type: 'Change', settings: { name } });
const cause = (commandId: string): Cause => ({ actor: 'test', correlationId: 'c', commandId });
const on = (stream: string, command: EndpointCommand, known?: ExpectedState<Endpoint>) => ({
  stream,
  decider: endpoint,
  command,
  ...(known ? { known } : {}),
});

describe('the ledger', () => {
  let folder: string;
  let store: SqliteEventStore;
  let reads: string[];
  let appends: (readonly Write[])[];
  /** Happens right before each append. */
  let meanwhile: () => Promise<unknown>;
  let executor: CommandExecutor;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ledger-'));
    store = await SqliteEventStore.open({ directory: folder });
    [reads, appends, meanwhile] = [[], [], async () => undefined];
    const watched = {
      readStream: (stream: string) => (reads.push(stream), store.readStream(stream)),
      append: async (writes: readonly Write[]) => {
        await meanwhile();
        appends.push(writes);
        return store.append(writes);
      },
    };
    executor = new CommandExecutor(watched as unknown as EventStore); // it needs no more of the port
  });
  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const typesOf = async (stream: string) => (await store.readStream(stream)).map(({ type }) => type);
  const namesOf = async (stream: string) => (await store.readStream(stream)).map(({ data }) => ('name' in data ? data.name : undefined));

  it('loads, decides and appends', async () => {
    await executor.execute(on('endpoint-a', register), cause('1'));
    const outcome = await executor.execute(on('endpoint-a', rename('B')), cause('2'));
    expect(outcome).toMatchObject({
      events: [{ type: 'endpoint.renamed', data: { name: 'B' } }],
      revision: 1,
      state: { exists: 'yes', configuration: { settings: { name: 'B' } } },
    });
    const [first, second] = await store.readStream('endpoint-a');
    expect(first).toMatchObject({ ...registered(), metadata: { actor: 'test', correlationId: 'c' } });
    expect(second?.position).toBe(outcome.position);
    expect(second?.metadata).not.toHaveProperty('commandId');
  });

  it('answers where the stream stands when there is nothing to record', async () => {
    const first = await executor.execute(on('endpoint-a', register), cause('1'));
    const second = await executor.execute(on('endpoint-a', register), cause('2'));
    expect(second).toEqual({ ...first, events: [] });
    expect(appends).toHaveLength(1);
  });

  it('passes a refusal on and appends nothing', async () => {
    await expect(executor.execute(on('endpoint-a', rename('B')), cause('1'))).rejects.toThrow(DomainError);
    expect(appends).toEqual([]);
  });

  it('decides again on what somebody else wrote meanwhile', async () => {
    await executor.execute(on('endpoint-a', register), cause('1'));
    meanwhile = async () => {
      meanwhile = async () => undefined;
      await new CommandExecutor(store).execute(on('endpoint-a', { type: 'Pause' }), cause('other'));
    };
    await executor.execute(on('endpoint-a', rename('B')), cause('2'));
    expect(await typesOf('endpoint-a')).toEqual(['endpoint.registered', 'endpoint.paused', 'endpoint.renamed']);
    meanwhile = async () => {
      meanwhile = async () => undefined;
      await new CommandExecutor(store).execute(on('endpoint-a', { type: 'Delete' }), cause('another'));
    };
    await expect(executor.execute(on('endpoint-a', rename('C')), cause('3'))).rejects.toThrow(/no such endpoint/);
  });

  it('gives up after ten conflicts', async () => {
    await executor.execute(on('endpoint-a', register), cause('1'));
    appends = [];
    let n = 0;
    meanwhile = () => new CommandExecutor(store).execute(on('endpoint-a', rename(`other ${n}`)), cause(`other ${n++}`));
    await expect(executor.execute(on('endpoint-a', rename('B')), cause('2'))).rejects.toThrow(WrongExpectedRevision);
    expect(appends).toHaveLength(10);
    expect(await namesOf('endpoint-a')).not.toContain('B');
  });

  it('writes all decisions or none', async () => {
    await executor.execute(on('endpoint-b', register), cause('1'));
    await expect(executor.executeAll([on('endpoint-a', register), on('endpoint-none', rename('B'))], cause('2'))).rejects.toThrow(
      DomainError,
    );
    expect(await store.readStream('endpoint-a')).toEqual([]);
    const outcomes = await executor.executeAll([on('endpoint-a', register), on('endpoint-b', rename('B'))], cause('3'));
    expect(outcomes.map(({ revision }) => revision)).toEqual([0, 1]);
    expect(appends.at(-1)).toHaveLength(2);
  });

  it('keeps what it knows of the other streams after a conflict on one', async () => {
    await executor.executeAll([on('endpoint-a', register), on('endpoint-b', register)], cause('1'));
    reads = [];
    meanwhile = async () => {
      meanwhile = async () => undefined;
      await new CommandExecutor(store).execute(on('endpoint-b', { type: 'Pause' }), cause('other'));
    };
    await executor.executeAll([on('endpoint-a', rename('B')), on('endpoint-b', rename('B'))], cause('2'));
    expect(reads).toEqual(['endpoint-a', 'endpoint-b', 'endpoint-b']);
  });

  it('takes two decisions on one stream one after the other, in one write', async () => {
    const known = { state: endpoint.initial, revision: 'no-stream' } as const;
    const commands = [register, rename('B'), rename('B'), { type: 'Pause' } as const];
    const outcomes = await executor.executeAll(
      commands.map((command) => on('endpoint-a', command, known)),
      cause('1'),
    );
    expect(outcomes.map(({ events }) => events.map(({ type }) => type))).toEqual([
      ['endpoint.registered'],
      ['endpoint.renamed'],
      [],
      ['endpoint.paused'],
    ]);
    expect(new Set(outcomes.map(({ revision }) => revision))).toEqual(new Set([2]));
    expect(await typesOf('endpoint-a')).toEqual(['endpoint.registered', 'endpoint.renamed', 'endpoint.paused']);
  });

  it('reads nothing where the stream is known', async () => {
    const { state, revision } = await executor.execute(
      { ...on('endpoint-a', register), expected: { state: endpoint.initial, revision: 'no-stream' } },
      cause('1'),
    );
    await executor.execute({ ...on('endpoint-a', rename('B')), expected: { state, revision } }, cause('2'));
    expect(reads).toEqual([]);
    expect(await namesOf('endpoint-a')).toEqual(['Alerts', 'B']);
  });

  it('finds a wrong guess out, and decides on what is', async () => {
    await executor.execute(on('endpoint-a', register), cause('1'));
    const expected = { state: endpoint.initial, revision: 'no-stream' } as const;
    const outcome = await executor.execute({ ...on('endpoint-a', { ...register, disabled: true }), expected }, cause('2'));
    expect(outcome).toMatchObject({ events: [], revision: 0, state: { configuration: { status: 'ENABLED' } } });
  });

  it('writes what one cause decides once, however often it comes', async () => {
    const expected = { state: endpoint.initial, revision: 'no-stream' } as const;
    const decision = { ...on('endpoint-a', register), expected };
    const first = await executor.execute(decision, cause('same'));
    const again = await executor.execute(decision, cause('same'));
    expect(again).toEqual(first);
    expect(await store.readStream('endpoint-a')).toHaveLength(1);
    expect(appends[0]?.[0]?.events[0]?.id).toBe(appends[1]?.[0]?.events[0]?.id);
  });
});
