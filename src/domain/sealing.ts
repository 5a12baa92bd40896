// Ledger: the log itself. Its stream holds the key that signs, and the seals: each says what the events before it were, so that nobody can
// change, remove, add or move one of them unseen. The numbers are in order and have no holes; a seal is recorded once.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict } from './errors.ts';
import { position } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const seal = z.object({
  number: z.int().positive().describe('1 for the first seal of the log.'),
  position: position.describe('Of the last event that is sealed, in the log in which it was recorded first.'),
  last: z.object({ stream: z.string(), revision: z.int().nonnegative() }).describe('The same event, as every copy of the log finds it.'),
  count: z.int().positive().describe('Events that it seals: those after the last one of the seal before, up to its own last one.'),
  total: z.int().positive().describe('Events that all seals so far seal.'),
  root: z.string().describe('Hex: the root of the Merkle tree over those events (RFC 9162, SHA-256).'),
  marks: z.string().describe('Base64: the first 6 bytes of the hash of each of them, which tell which one was changed.'),
  previous: z.string().nullable().describe('Hex SHA-256 of the seal before, as it was signed; null for the first.'),
  publicKey: z.string().describe('The Ed25519 key that the signature is checked with.'),
  signature: z.string().describe('Base64.'),
});
export type Seal = z.infer<typeof seal>;

export const sealingEvents = {
  'ledger.key-created': z
    .object({
      publicKey: z.string().describe('What seals are checked with.'),
      encryptionKey: z.string().describe('The AES-256 key of the private key, wrapped by the master key.'),
      privateKey: z.string().describe('Encrypted.'),
    })
    .describe('The installation has a key that signs its seals.'),
  'ledger.sealed': seal.describe('What the log held so far is sealed.'),
} as const;

type Of<C extends Record<string, z.ZodType>> = { [K in keyof C & string]: { type: K; data: z.infer<C[K]> } }[keyof C & string];
export type SealingEvent = Of<typeof sealingEvents>;
export type SealingKey = z.infer<(typeof sealingEvents)['ledger.key-created']>;

// ── State ──

export type Sealing = { readonly key: SealingKey | undefined; readonly newest: Seal | undefined };

const evolve = (state: Sealing, event: SealingEvent): Sealing => {
  switch (event.type) {
    case 'ledger.key-created':
      return { ...state, key: event.data };
    case 'ledger.sealed':
      return { ...state, newest: event.data };
  }
};

// ── Decisions ──

/** One that was recorded already, or that somebody else was faster with, decides nothing. */
export type SealingCommand = ({ type: 'CreateKey' } & SealingKey) | { type: 'Seal'; seal: Seal };

const decide = (command: SealingCommand, state: Sealing): readonly SealingEvent[] => {
  if (command.type === 'CreateKey') {
    const { type: _, ...data } = command;
    return state.key ? [] : [{ type: 'ledger.key-created', data }];
  }
  if (!state.key) throw conflict('The log has no key yet that could seal it.');
  return command.seal.number === (state.newest?.number ?? 0) + 1 ? [{ type: 'ledger.sealed', data: command.seal }] : [];
};

export const sealing: Decider<SealingCommand, SealingEvent, Sealing> = {
  initial: { key: undefined, newest: undefined },
  evolve,
  decide,
};
