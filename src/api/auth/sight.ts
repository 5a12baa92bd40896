// What of secrets and contents a caller is shown, wherever it may read at all. Masking asks this, and never who the caller is.
import type { ApiKeyRole } from '../../domain/api-key.ts';

export type Sight = {
  /** Secrets of endpoints, and their URLs with the parts that may be credentials. */
  readonly secrets: boolean;
  /** Contents of messages, and of what was sent and answered. MASKED: without the values under secret names. */
  readonly payloads: 'WHOLE' | 'MASKED';
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
