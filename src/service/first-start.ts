// Step 2 of the start: what a first start puts into the log. Every step decides nothing when the log has it already, so all run at every start.
import { hashOfKey, newKey } from '../commands/organization-commands.ts';
import { newOrganizationKey } from '../commands/signing-secrets.ts';
import { apiKey } from '../domain/api-key.ts';
import { apiKeyId, organizationId } from '../domain/ids.ts';
import { organization, type OrganizationCommand } from '../domain/organization.ts';
import { signingKeyField } from '../domain/secret-fields.ts';
import { apiKeyStream, organizationStream } from '../domain/streams.ts';
import { UndecodableEvent } from '../event-store/event-store.ts';
import type { LogParts } from './open-log.ts';

/** There is one organization until more can be registered. */
const defaultOrganization = organizationId.parse('default');
const defaultStream = organizationStream(defaultOrganization);

const cause = { actor: 'system:setup', commandId: 'setup' };
const longestWaitMs = 10_000;

type Parts = Pick<LogParts, 'executor' | 'directory' | 'vault' | 'bindDatabase'>;

/**
 * @param adminKey the configured admin key
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

/** Logs written before organizations had a signing key get one, too. */
const setFirstSigningKey = async (parts: Parts): Promise<void> => {
  const registered = parts.directory.organization(defaultOrganization);
  if (registered?.signingKey !== null) return;
  await onOrganization(parts, {
    type: 'SetFirstSigningKey',
    key: registered.keyring.cipherFor(defaultStream).seal(newOrganizationKey(), signingKeyField),
  });
};

/** The id follows from the key: a configured key is issued once, and stays revoked once it was. */
const issueAdminKey = async ({ executor, directory }: Parts, key: string): Promise<void> => {
  const hash = hashOfKey(key);
  const command = { type: 'IssueApiKey', organizationId: defaultOrganization, name: 'admin', role: 'ADMIN', hash } as const;
  await unlessUnreadable(async () => {
    const { position } = await executor.execute(
      { stream: apiKeyStream(apiKeyId.parse(hash.slice(0, 32))), decider: apiKey, command },
      cause,
    );
    if (position) await directory.progress.reached(position, longestWaitMs);
  });
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
