// Test support: given(decider)(...history).when(command).then(...events), one line per rule.
import assert from 'node:assert/strict';
import { fold, type Decider } from './decider.ts';
import { DomainError, type RefusalCode } from './errors.ts';

export const given =
  <C, E, S>(decider: Decider<C, E, S>) =>
  (...history: E[]) => ({
    when: (command: C) => ({
      then: (...expected: E[]) => {
        const events = decider.decide(command, fold(decider, history));
        assert.deepEqual(events, expected);
        // Handling the same command twice must change nothing: every decision is idempotent.
        assert.deepEqual(decider.decide(command, fold(decider, [...history, ...events])), [], 'not idempotent');
      },
      thenNothing: () => assert.deepEqual(decider.decide(command, fold(decider, history)), []),
      thenRefused: (code: RefusalCode, message: RegExp) =>
        assert.throws(
          () => decider.decide(command, fold(decider, history)),
          (error) => error instanceof DomainError && error.code === code && message.test(error.message),
        ),
    }),
  });
