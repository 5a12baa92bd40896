// What of secrets and contents a caller is shown, wherever it may read at all. Masking asks this, and never who the caller is.
import type { ApiKeyRole } from '../../domain/api-key.ts';
import type { PortalCapability } from '../../domain/portal-capability.ts';

export type Sight = {
  /** Secrets of endpoints, and their URLs with the parts that may be credentials. */
  readonly secrets: boolean;
  /** Contents of messages, and of what was sent and answered. MASKED: without the values under secret names. HIDDEN: nothing of them. */
  readonly payloads: 'WHOLE' | 'MASKED' | 'HIDDEN';
  /** Which address a receiver's name resolved to. */
  readonly addresses: boolean;
};

const everything: Sight = { secrets: true, payloads: 'WHOLE', addresses: true };
const noSecrets: Sight = { secrets: false, payloads: 'WHOLE', addresses: true };
const masked: Sight = { secrets: false, payloads: 'MASKED', addresses: false };

const sights: Readonly<Record<ApiKeyRole, Sight>> = {
  ADMIN: everything,
  OPERATOR: noSecrets,
  AUDITOR: noSecrets,
  VIEWER: masked,
  PUBLISHER: masked,
};

export const sightOf = (role: ApiKeyRole): Sight => sights[role];

/** A customer never learns an address inside the platform's network. */
export const sightOfPortal = (capabilities: readonly PortalCapability[]): Sight => {
  const secrets = capabilities.includes('VIEW_SECRETS');
  const payloads = capabilities.includes('VIEW_PAYLOADS') ? (secrets ? 'WHOLE' : 'MASKED') : 'HIDDEN';
  return { secrets, payloads, addresses: false };
};
