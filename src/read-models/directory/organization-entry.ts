// An organization in the directory: its newest state, its endpoints, and its keys, opened when they are first needed.
import type { EndpointId, OrganizationId } from '../../domain/ids.ts';
import type { Organization } from '../../domain/organization.ts';
import type { OrganizationEvent } from '../../domain/organization-events.ts';
import { signingKeyField } from '../../domain/secret-fields.ts';
import { organizationStream } from '../../domain/streams.ts';
import type { Keyring, Vault } from '../../secrets/vault.ts';
import type { OrganizationKeys, ResolvedEndpoint } from './resolved-endpoint.ts';
import type { RoutingIndex } from './routing-index.ts';

type Registered = Organization & { exists: 'yes' };

export class OrganizationEntry implements OrganizationKeys {
  readonly endpoints = new Map<EndpointId, ResolvedEndpoint>();
  /** Set by `open`: the master key opens all of its data keys. */
  isOpen = false;
  private opened: Keyring | undefined;
  private openedSigningKey: string | null = null;

  constructor(
    readonly id: OrganizationId,
    private current: Registered,
    private readonly vault: Vault,
    readonly routing: RoutingIndex,
  ) {}

  get state(): Registered {
    return this.current;
  }

  set(state: Registered, cause: OrganizationEvent['type']): void {
    this.current = state;
    // Re-wrapping changes no key: a replica that was started with the older master key goes on with what it has opened.
    if (cause === 'organization.encryption-key-rotated') this.opened = undefined;
    if (cause === 'organization.signing-key-set') this.openedSigningKey = null;
  }

  /** Call after each event. @throws SecretUnreadable */
  open(): void {
    this.isOpen = false;
    const { signingKey } = this.current;
    const cipher = this.keyring.cipherFor(organizationStream(this.id));
    this.isOpen = true;
    if (signingKey !== null) this.openedSigningKey ??= cipher.open(signingKey, signingKeyField);
  }

  /** @throws SecretUnreadable */
  get keyring(): Keyring {
    return (this.opened ??= this.vault.keyring(this.current.encryptionKeys, organizationStream(this.id)));
  }

  /** Null while there is none that can be read. */
  get signingKey(): string | null {
    return this.openedSigningKey;
  }
}
