// What holds for every sequence of commands, and for every sequence of events, of every aggregate.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apiKey } from './api-key.ts';
import { batch } from './batch.ts';
import { catalog, type EventName, type DomainEvent } from './catalog.ts';
import { fold, type Decider } from './decider.ts';
import { delivery, type DeliveryCommand, type DeliveryEvent } from './delivery.ts';
import type { EndpointEvent } from './endpoint-events.ts';
import { endpoint, type Endpoint, type EndpointCommand } from './endpoint.ts';
import { DomainError } from './errors.ts';
import { keepRoutingKey } from './format-options.ts';
import { lostTails, sealing, sealingKeyWrapping } from './sealing.ts';
import { disclosure } from './disclosure.ts';
import { draftTest } from './draft-test.ts';
import { portalSession } from './portal-session.ts';
import { message } from './message.ts';
import { organization } from './organization.ts';
import { reading } from './reading.ts';
import { bulkRetry } from './bulk-retry.ts';
import { replay } from './replay.ts';
import { source } from './source.ts';
import {
  endpointCommand,
  deliveryCommand,
  batchCommand,
  lostTailCommand,
  ledgerCommand,
  bulkRetryCommand,
  replayCommand,
} from '../../test/support/endpoint-and-delivery-commands.ts';
import {
  organizationCommand,
  sealingKeyCommand,
  portalSessionCommand,
  disclosureCommand,
  draftTestCommand,
  apiKeyCommand,
  messageCommand,
  sourceCommand,
  readingCommand,
} from '../../test/support/organization-and-message-commands.ts';

// ── Carrying them out ──

type Step<C, E, S> = { readonly command: C; readonly before: S; readonly events: readonly E[]; readonly after: S };

/** Each command on what the ones before it left; a refused one leaves what was. */
const carryOut = <C, E, S>(decider: Decider<C, E, S>, commands: readonly C[]): Step<C, E, S>[] => {
  let state = decider.initial;
  return commands.map((command) => {
    const before = state;
    let events: readonly E[] = [];
    try {
      events = decider.decide(command, before);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
    }
    for (const event of events) state = decider.evolve(state, event);
    return { command, before, events, after: state };
  });
};

/** Cloned, as fast-check makes objects without a prototype. */
const sequenceOf = <C>(command: fc.Arbitrary<C>) => fc.array(command, { maxLength: 25 }).map((commands) => structuredClone(commands));

const forAllSequences = <C, E, S>(
  decider: Decider<C, E, S>,
  command: fc.Arbitrary<C>,
  check: (steps: Step<C, E, S>[]) => void,
  numRuns = 300,
) =>
  fc.assert(
    fc.property(sequenceOf(command), (commands) => check(carryOut(decider, commands))),
    { numRuns },
  );

const suite = <C, E extends DomainEvent, S>(name: string, decider: Decider<C, E, S>, command: fc.Arbitrary<C>) =>
  describe(`every sequence of ${name}`, () => {
    it('decides nothing when its last command is repeated', () =>
      forAllSequences(decider, command, (steps) => {
        const last = steps.at(-1);
        if (last && last.events.length > 0) assert.deepEqual(decider.decide(last.command, last.after), []);
      }));

    it('records events that the catalog reads as they are', () =>
      forAllSequences(decider, command, (steps) => {
        for (const { type, data } of steps.flatMap(({ events }) => events)) {
          const stored: unknown = JSON.parse(JSON.stringify(data));
          assert.deepEqual(catalog[type].parse(data), data);
          assert.deepEqual(catalog[type].parse(stored), stored);
        }
      }));

    it('changes nothing that was before', () =>
      forAllSequences(decider, command, (steps) => {
        const events = steps.flatMap((step) => step.events);
        const copy = structuredClone(events);
        const state = fold(decider, events);
        assert.deepEqual(events, copy);
        assert.deepEqual(fold(decider, events), state);
      }));

    it('has events that fold in any order', () =>
      fc.assert(
        fc.property(fc.array(sequenceOf(command), { maxLength: 3 }), fc.infiniteStream(fc.nat()), (sequences, chance) => {
          const events = sequences.flatMap((commands) => carryOut(decider, commands).flatMap((step) => step.events));
          const shuffled = events.map((event) => ({ event, at: chance.next().value })).sort((a, b) => a.at - b.at);
          const state = fold(
            decider,
            shuffled.map(({ event }) => event),
          );
          // Whatever came of it, the next decision is one, or a refusal.
          for (const each of sequences.flat()) carryOut({ ...decider, initial: state }, [each]);
        }),
        { numRuns: 300 },
      ));
  });

suite('commands on an organization', organization, organizationCommand);
suite('commands on an API key', apiKey, apiKeyCommand);
suite('commands on an endpoint', endpoint, endpointCommand);
suite('commands on a message', message, messageCommand);
suite('commands on a delivery', delivery, deliveryCommand);
suite('commands on a batch', batch, batchCommand);
suite('commands on the log', sealing, ledgerCommand);
suite('acceptances of a lost tail', lostTails, lostTailCommand);
suite('commands on the wrapping of the key of the seals', sealingKeyWrapping, sealingKeyCommand);
suite('records of what was shown', disclosure, disclosureCommand);
suite('records of tests of drafts', draftTest, draftTestCommand);
suite('commands on a portal session', portalSession, portalSessionCommand);
suite('commands on a replay', replay, replayCommand);
suite('commands on a bulk retry', bulkRetry, bulkRetryCommand);
suite('commands on a source', source, sourceCommand);
suite('commands on the reading of a source', reading, readingCommand);

it('the commands above make every event of the catalog', () => {
  const seen = new Set<EventName>();
  const watch = <C, E extends DomainEvent, S>(decider: Decider<C, E, S>, command: fc.Arbitrary<C>) =>
    forAllSequences(decider, command, (steps) => steps.forEach(({ events }) => events.forEach(({ type }) => seen.add(type))), 1_000);
  watch(organization, organizationCommand);
  watch(apiKey, apiKeyCommand);
  watch(endpoint, endpointCommand);
  watch(message, messageCommand);
  watch(delivery, deliveryCommand);
  watch(batch, batchCommand);
  watch(sealing, ledgerCommand);
  watch(lostTails, lostTailCommand);
  watch(sealingKeyWrapping, sealingKeyCommand);
  watch(disclosure, disclosureCommand);
  watch(draftTest, draftTestCommand);
  watch(portalSession, portalSessionCommand);
  watch(replay, replayCommand);
  watch(bulkRetry, bulkRetryCommand);
  watch(source, sourceCommand);
  watch(reading, readingCommand);
  expect(Object.keys(catalog).filter((name) => !seen.has(name as EventName))).toEqual([]);
});

describe('every delivery', () => {
  const forAll = (check: (events: DeliveryEvent[], steps: Step<DeliveryCommand, DeliveryEvent, unknown>[]) => void) =>
    forAllSequences(delivery, deliveryCommand, (steps) =>
      check(
        steps.flatMap(({ events }) => events),
        steps,
      ),
    );
  const attemptOf = ({ type, data }: DeliveryEvent) =>
    type === 'delivery.attempt-succeeded' || type === 'delivery.attempt-failed' ? [data.attempt] : [];

  it('counts its attempts 1, 2, 3 without holes', () =>
    forAll((events) => {
      const attempts = events.flatMap(attemptOf);
      assert.deepEqual(
        attempts,
        attempts.map((_, i) => i + 1),
      );
    }));

  it('has, after each failure of a running series, a time for the next attempt or the word that there is none', () =>
    forAll((events, steps) => {
      for (const { before, events: decided } of steps) {
        const [failed, next] = decided;
        if (failed?.type !== 'delivery.attempt-failed') continue;
        const { status } = before as { status: string };
        const { retryAt, startedAt, attempt } = failed.data;
        if (status === 'pending') assert.equal(retryAt === undefined, next?.type === 'delivery.exhausted');
        else assert.equal(decided.length === 1 && retryAt === undefined, true, 'no retry after the end');
        if (retryAt !== undefined) assert.ok(retryAt >= startedAt);
        if (next?.type === 'delivery.exhausted') assert.equal(next.data.attempts, attempt);
      }
      assert.ok(events.filter(({ type }) => type === 'delivery.exhausted').length <= events.flatMap(attemptOf).length);
    }));

  it('takes, once it has ended, only an attempt that was overtaken, or a new series that says how it had ended', () =>
    forAll((events) => {
      let ended: string | undefined;
      for (const event of events) {
        if (event.type === 'delivery.retry-requested' || event.type === 'delivery.replay-requested') {
          assert.equal(event.data.reopened?.status, ended);
          ended = undefined;
        } else if (ended !== undefined) assert.equal(attemptOf(event).length, 1);
        if (event.type === 'delivery.attempt-succeeded') ended = 'succeeded';
        if (event.type === 'delivery.exhausted') ended = 'failed';
        if (event.type === 'delivery.cancelled') ended = 'cancelled';
      }
    }));

  it('counts the failures of each series from 1, but not those that the receiver put off', () =>
    forAll((events) => {
      let failures = 0;
      let running = true;
      for (const event of events) {
        if (event.type === 'delivery.attempt-failed') {
          const { heldUntil, retryAt, failuresInSeries } = event.data;
          const isPutOff = heldUntil !== undefined && retryAt !== undefined && failuresInSeries === failures;
          if (!isPutOff) assert.equal(failuresInSeries, running ? ++failures : 0);
        } else if (event.type === 'delivery.retry-requested' || event.type === 'delivery.replay-requested') [failures, running] = [0, true];
        else running = false;
      }
    }));
});

describe('every endpoint', () => {
  const configurationOf = (state: Endpoint) => (state.exists === 'yes' ? state.configuration : undefined);
  const forAllSteps = (check: (step: Step<EndpointCommand, EndpointEvent, Endpoint>) => void) =>
    forAllSequences(endpoint, endpointCommand, (steps) => steps.forEach(check));

  it('has, after a change, its settings with the patch in them and all else as it was', () =>
    forAllSteps(({ command, before, events, after }) => {
      const [was, is] = [configurationOf(before), configurationOf(after)];
      if (command.type !== 'Change' || !was || !is) return;
      const refused = events.length === 0;
      const { settings: now, ...rest } = is;
      const { settings: then, ...unchanged } = was;
      assert.deepEqual(rest, unchanged);
      // A change that decided nothing was refused, or it says what is so already.
      const merged = { ...then, ...keepRoutingKey(then, command.settings) };
      if (!refused) assert.deepEqual(now, merged);
      else if (!isDeepStrictEqual(then, merged)) assert.throws(() => endpoint.decide(command, before), DomainError);
    }));

  it('goes from one status to another by the one event that says so', () =>
    forAllSteps(({ before, events, after }) => {
      const [was, is] = [configurationOf(before)?.status, configurationOf(after)?.status];
      if (was === undefined || is === undefined || was === is) return;
      const legal: Record<string, string> = {
        'ENABLED→PAUSED': 'endpoint.paused',
        'PAUSED→ENABLED': 'endpoint.resumed',
        'DISABLED→ENABLED': 'endpoint.enabled',
        'ENABLED→DISABLED': 'endpoint.disabled',
        'PAUSED→DISABLED': 'endpoint.disabled',
      };
      assert.deepEqual(
        events.map(({ type }) => type),
        [legal[`${was}→${is}`]],
      );
    }));

  it('has a reason for being disabled only while it is', () =>
    forAllSteps(({ after }) => {
      const is = configurationOf(after);
      if (is && is.status !== 'DISABLED') assert.equal(is.disabledReason, null);
    }));

  it('stays deleted', () =>
    forAllSteps(({ before, events, after }) => {
      if (before.exists === 'no-more') assert.deepEqual([events, after], [[], before]);
    }));

  it('keeps the secret before the last one', () =>
    forAllSteps(({ command, before, events, after }) => {
      const [was, is] = [configurationOf(before), configurationOf(after)];
      if (command.type !== 'RotateSecret' || events.length === 0 || !was || !is) return;
      assert.equal(is.secret, command.secret);
      assert.deepEqual(is.previousSecret, was.secret === null ? null : { secret: was.secret, until: command.previousUntil });
    }));

  it('can always sign as it says', () =>
    forAllSteps(({ after }) => {
      const is = configurationOf(after);
      if (is && is.settings.signature !== 'NONE' && !is.settings.useOrganizationKey) assert.notEqual(is.secret, null);
    }));
});
