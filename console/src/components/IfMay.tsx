// What only callers with this capability see.
import type { ReactNode } from 'react';
import { useRights, type Capability } from '../api/rights.ts';

export const IfMay = ({ capability, children }: { readonly capability: Capability; readonly children: ReactNode }) =>
  useRights().may(capability) && children;
