// NONE: no signature.
import type { Signature } from './signed.ts';

export const none: Signature = () => ({});
