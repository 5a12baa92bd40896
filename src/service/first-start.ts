// Step 2 of the start: what a first start puts into the log. Every step decides nothing when the log has it already, so all run at every start.
import { hashOfKey, newKey } from '../commands/organization-commands.ts';
import { newOrganizationKey } from '../commands/signing-secrets.ts';
import type { StreamCommand } from '../commands/command-executor.ts';
import { apiKey, type ApiKey, type ApiKeyCommand, type ApiKeyEvent } from '../domain/api-key.ts';
import { apiKeyId, type ApiKeyId } from '../domain/ids.ts';
import { defaultOrganization, organization, type OrganizationCommand } from '../domain/organization.ts';
import { signingKeyField } from '../domain/secret-fields.ts';
import { apiKeyStream, organizationStream } from '../domain/streams.ts';
import { UndecodableEvent } from '../event-store/event-store.ts';
import type { ApiKeyEntry } from '../read-models/directory/api-key-index.ts';
import { AdminKeyReplaced } from '../secrets/admin-key.ts';
import type { LogParts } from './open-log.ts';

const defaultStream = organizationStream(defaultOrganization);

const cause = { actor: 'system:setup', commandId: 'setup' };
const longestWaitMs = 10_000;

type Parts = Pick<LogParts, 'executor' | 'directory' | 'vault' | 'store' | 'bindDatabase'>;

/**
 * @param adminKey the configured admin key
 * @throws AdminKeyReplaced
 * @returns the admin key that was generated, if the log was new and none was configured
 */
export const prepareLog = async (parts: Parts, adminKey: string | undefined): Promise<string | undefined> => {
  const isNew = await registerDefaultOrganization(parts);
  await setFirstSigningKey(parts);
  const generated = isNew && adminKey === undefined ? newKey() : undefined;
  const key = adminKey ?? generated;
  if (key !== undefined) await issueAdminKey(parts, key);
  if (parts.directory.failure) throw parts.directory.failure; // another replica was first, under another master key
  if (isNew) await parts.bindDatabase();
  return generated;
};

/** @returns whether the log had no organization */
const registerDefaultOrganization = async (parts: Parts): Promise<boolean> => {
  if (parts.directory.organization(defaultOrganization) !== undefined) return false;
  await onOrganization(parts, { type: 'RegisterOrganization', name: 'Default', encryptionKey: parts.vault.newKey(defaultStream) });
  return true;
};

/** The keys that an older version issued to admins of its only organization: they go on doing everything. A sentence for the log, if there are any. */
export const olderSpanningKeys = ({ directory }: Pick<Parts, 'directory'>): string | undefined => {
  const keys = directory.apiKeysOf(defaultOrganization).filter(({ spansOrganizations }) => spansOrganizations === 'by-role');
  if (keys.length === 0) return undefined;
  const names = keys.map(({ name, id }) => `"${name}" (${id})`).join(', ');
  return `API keys that an older version issued with the role ADMIN span the installation: ${names}.`;
};

/** Logs written before organizations had a signing key get one, too. */
const setFirstSigningKey = async (parts: Parts): Promise<void> => {
  const registered = parts.directory.organization(defaultOrganization);
  if (registered?.signingKey !== null) return;
  await onOrganization(parts, {
    type: 'SetFirstSigningKey',
    key: registered.keyring.cipherFor(defaultStream).seal(newOrganizationKey(), signingKeyField),
  });
};

/** The id of a key that a start issues follows from the key, which tells it from those that people issue. */
const setupKeyId = (hash: string): ApiKeyId => apiKeyId.parse(hash.slice(0, 32));

/**
 * Issues the key once, and revokes in the same append those that earlier starts issued: the newest start wins. A key that a person revoked stays
 * revoked, and replaces none.
 * @throws AdminKeyReplaced if a later start has replaced this key
 */
const issueAdminKey = async ({ executor, directory, store }: Parts, key: string): Promise<void> => {
  const hash = hashOfKey(key);
  const id = setupKeyId(hash);
  await unlessUnreadable(async () => {
    const living = directory.apiKeysOf(defaultOrganization);
    const last = (await store.readStream(apiKeyStream(id))).at(-1);
    if (last?.type === 'apikey.revoked') {
      if (last.metadata.actor !== cause.actor) return;
      throw new AdminKeyReplaced(
        `HOOKLEDGER_ADMIN_KEY names a key that was replaced by another one at ${last.recordedAt}, and stays revoked. Set it to the newer key, or to a new one.`,
      );
    }
    const issue = {
      type: 'IssueApiKey',
      organizationId: defaultOrganization,
      name: freeName(living),
      role: 'ADMIN',
      hash,
      spansOrganizations: true,
    } as const;
    const [issued] = await executor.executeAll<ApiKeyCommand, ApiKeyEvent, ApiKey>(
      [
        { stream: apiKeyStream(id), decider: apiKey, command: issue },
        ...revocations(living.filter((each) => isOfSetup(each) && each.id !== id)),
      ],
      cause,
    );
    if (issued?.position === undefined) return;
    await directory.progress.reached(issued.position, longestWaitMs);
    // Another replica may have issued its key at the same moment, without seeing this one. The later key revokes the earlier one.
    const mine = directory.apiKey(hash)?.issuedAt;
    const earlier = directory
      .apiKeysOf(defaultOrganization)
      .filter((each) => isOfSetup(each) && mine !== undefined && each.issuedAt < mine);
    if (earlier.length > 0) await executor.executeAll(revocations(earlier), cause);
  });
};

const isOfSetup = ({ id, hash }: ApiKeyEntry): boolean => id === setupKeyId(hash);

const revocations = (keys: readonly ApiKeyEntry[]): StreamCommand<ApiKeyCommand, ApiKeyEvent, ApiKey>[] =>
  keys.map(({ id }) => ({
    stream: apiKeyStream(id),
    decider: apiKey,
    command: { type: 'RevokeApiKey', organizationId: defaultOrganization },
  }));

/** `admin`, unless a key that a person issued is called so. */
const freeName = (living: readonly ApiKeyEntry[]): string => {
  const taken = new Set(living.filter((each) => !isOfSetup(each)).map(({ name }) => name));
  let name = 'admin';
  for (let n = 2; taken.has(name); n++) name = `admin-${n}`;
  return name;
};

const onOrganization = async ({ executor, directory }: Parts, command: OrganizationCommand): Promise<void> => {
  await unlessUnreadable(async () => {
    const { position } = await executor.execute({ stream: defaultStream, decider: organization, command }, cause);
    if (position) await directory.progress.reached(position, longestWaitMs);
  });
};

/** A newer version may have written what this one can't read. The directory reports it; the rest of the service starts. */
const unlessUnreadable = async (step: () => Promise<void>): Promise<void> => {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof UndecodableEvent)) throw error;
  }
};
