// NONE: no signature.
import type { Signature } from './signature.ts';

export const none: Signature = () => ({});
