// Who may call a handler. Every handler says so; the guard refuses what says nothing, and the start refuses it before that.
import { SetMetadata } from '@nestjs/common';
import type { ApiKeyRole } from '../../domain/api-key.ts';

const key = 'hookledger:access';

export type Access = 'public' | readonly ApiKeyRole[];

/** Admins may do everything, so every list begins with them. */
export const Allow = (...roles: readonly ['ADMIN', ...ApiKeyRole[]]) => SetMetadata(key, roles);

/** Reading: everyone but publishers. */
export const AllowReaders = () => Allow('ADMIN', 'OPERATOR', 'VIEWER', 'AUDITOR');

/** Reading the log itself, and how endpoints came to be as they are. */
export const AllowHistory = () => Allow('ADMIN', 'OPERATOR', 'AUDITOR');

/** Running endpoints, deliveries, replays, sources and event types. */
export const AllowOperators = () => Allow('ADMIN', 'OPERATOR');

/** No key is asked for. */
export const Public = () => SetMetadata(key, 'public' satisfies Access);

export const accessOf = (handler: object): Access | undefined => Reflect.getMetadata(key, handler) as Access | undefined;
