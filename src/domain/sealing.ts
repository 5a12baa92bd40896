// Sealing: one stream with the signing key and the seals of the log. A seal commits to the events before it, so that none of them can be changed,
// removed, added or moved unnoticed. Invariants: seals are numbered without gaps, and each is recorded once.
import * as z from 'zod';
import type { Decider } from './decider.ts';
import { conflict } from './errors.ts';
import { position, type Position } from './ids.ts';

// ── Events ── These names and shapes are the storage format. Never edit one: add a version and an upcaster.

const seal = z.object({
  number: z.int().positive().describe('1 for the first seal of the log.'),
  position: position.describe('Of the last sealed event, in the log where it was first recorded.'),
  last: z
    .object({ stream: z.string(), revision: z.int().nonnegative() })
    .describe('The same event by stream and revision, which are equal in every copy of the log.'),
  count: z.int().positive().describe("The number of events that it seals: those after the previous seal's last event, up to its own."),
  total: z.int().positive().describe('The number of events sealed by all seals so far.'),
  root: z.string().describe('Hex: the root of the Merkle tree over those events (RFC 9162, SHA-256).'),
  marks: z.string().describe('Base64: the first 6 bytes of the hash of each event, to tell which one was changed.'),
  previous: z.string().nullable().describe('Hex SHA-256 of the previous seal, as it was signed; null for the first.'),
  publicKey: z.string().describe('The Ed25519 key that verifies the signature.'),
  signature: z.string().describe('Base64.'),
});
export type Seal = z.infer<typeof seal>;

export const sealingEvents = {
  'ledger.key-created': z
    .object({
      publicKey: z.string().describe('Verifies the seals.'),
      encryptionKey: z.string().describe('The AES-256 key of the private key, wrapped by the master key.'),
      privateKey: z.string().describe('Encrypted.'),
    })
    .describe('The key that signs the seals was created.'),
  'ledger.key-rewrapped': z
    .object({ encryptionKey: z.string().describe('The AES-256 key of the private key, wrapped by another master key.') })
    .describe('The master key changed; the key that signs did not. In a stream of its own, because a seal is found by its revision.'),
  'ledger.lost-tail-accepted': z
    .object({
      at: z.string().describe('ISO 8601'),
      endsAt: position.nullable().describe('Where what was left of the log ended; null: nothing was left.'),
      knownTo: position.describe('How far the log had gone at least: what came after `endsAt` was lost.'),
    })
    .describe(
      'The log had lost its end, and the operator went on without it. In a stream of its own, because a seal is found by its revision.',
    ),
  'ledger.sealed': seal.describe('The log so far was sealed.'),
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
    case 'ledger.lost-tail-accepted':
      return state;
    case 'ledger.key-rewrapped':
      return { ...state, ...(state.key && { key: { ...state.key, ...event.data } }) };
    case 'ledger.sealed':
      return { ...state, newest: event.data };
  }
};

// ── Decisions ──

/** Decides nothing if the key or the seal is already recorded, also by another replica. */
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

/** Of the stream that says how the encryption key is wrapped since the master key changed. State: as it is wrapped there last. */
export const sealingKeyWrapping: Decider<{ type: 'RewrapKey'; encryptionKey: string }, SealingEvent, string | undefined> = {
  initial: undefined,
  evolve: (state, event) => (event.type === 'ledger.key-rewrapped' ? event.data.encryptionKey : state),
  decide: ({ encryptionKey }, state) => (encryptionKey === state ? [] : [{ type: 'ledger.key-rewrapped', data: { encryptionKey } }]),
};

export type AcceptLostTail = { type: 'AcceptLostTail'; now: Date; endsAt: Position | null; knownTo: Position };

/** Of the stream that says which losses were accepted. State: when the last one was. */
export const lostTails: Decider<AcceptLostTail, SealingEvent, string | undefined> = {
  initial: undefined,
  evolve: (state, event) => (event.type === 'ledger.lost-tail-accepted' ? event.data.at : state),
  decide: ({ now, endsAt, knownTo }, state) =>
    now.toISOString() === state ? [] : [{ type: 'ledger.lost-tail-accepted', data: { at: now.toISOString(), endsAt, knownTo } }],
};
