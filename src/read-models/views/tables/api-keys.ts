// The table of API keys: issued, and perhaps revoked. The keys themselves are not in the log.
import { spansInstallation, type ApiKeyRole } from '../../../domain/api-key.ts';
import type { ApiKeyId, OrganizationId, Position } from '../../../domain/ids.ts';
import { apiKeyIdIn } from '../../../domain/streams.ts';
import type { Reducer } from './reducer.ts';
import { momentOf, type Flag, type Milliseconds, type Table } from './table.ts';

type ApiKeyRow = {
  id: ApiKeyId;
  organization_id: OrganizationId;
  name: string;
  role: ApiKeyRole;
  spans_organizations: Flag;
  issued_at: Milliseconds;
  issued_position: Position;
  /** The actor of the event. */
  issued_by: string;
  expires_at: Milliseconds | null;
  revoked_at: Milliseconds | null;
};

export const apiKeys: Table<ApiKeyRow> = {
  columns: {
    id: 'text',
    organization_id: 'text',
    name: 'text',
    role: 'text',
    spans_organizations: 'integer',
    issued_at: 'int64',
    issued_position: 'text',
    issued_by: 'text',
    expires_at: 'int64?',
    revoked_at: 'int64?',
  },
  primaryKey: ['id'],
  indexes: [{ columns: ['organization_id', 'issued_position'], queriesOnly: true }],
};

export const reduceApiKeys = (): Reducer => {
  const issued: ApiKeyRow[] = [];
  const revoked: Pick<ApiKeyRow, 'id' | 'revoked_at'>[] = [];
  return {
    on: {
      'apikey.issued': ({ stream, data, recordedAt, position, metadata }) => {
        const { organizationId, name, role, expiresAt } = data;
        issued.push({
          id: apiKeyIdIn(stream),
          organization_id: organizationId,
          name,
          role,
          spans_organizations: spansInstallation(data) ? 1 : 0,
          issued_at: momentOf(recordedAt),
          issued_position: position,
          issued_by: metadata.actor,
          expires_at: expiresAt === undefined ? null : momentOf(expiresAt),
          revoked_at: null,
        });
      },
      'apikey.revoked': ({ stream, recordedAt }) => revoked.push({ id: apiKeyIdIn(stream), revoked_at: momentOf(recordedAt) }),
    },
    async write(tx) {
      await tx.insert('api_keys', issued);
      await tx.update('api_keys', ['id'], revoked);
    },
  };
};
