// How the portal looks: the console's theme in the organization's color, in the scheme of the embedding page, or else of the organization's settings.
import { mergeThemeOverrides, type CSSVariablesResolver, type MantineColorSchemeManager, type MantineThemeOverride } from '@mantine/core';
import { theme, variables } from '../theme.ts';
import { shadesOf } from './brand.ts';
import type { Theme } from './embedding.ts';

type ColorScheme = 'LIGHT' | 'DARK' | 'AUTO';

export const themeWith = (primaryColor: string | null): MantineThemeOverride =>
  primaryColor === null
    ? theme
    : mergeThemeOverrides(theme, {
        primaryColor: 'brand',
        primaryShade: { light: 7, dark: 6 },
        colors: { brand: shadesOf(primaryColor) },
      });

export const variablesWith = (primaryColor: string | null): CSSVariablesResolver =>
  primaryColor === null
    ? variables
    : (given) => {
        const { light, dark, variables: both } = variables(given);
        return {
          variables: both,
          light: { ...light, '--mantine-color-anchor': 'var(--mantine-color-brand-8)' },
          dark: { ...dark, '--mantine-color-anchor': 'var(--mantine-color-brand-4)' },
        };
      };

/** Undefined: as the person's system has it. */
export const forcedScheme = (asked: Theme | undefined, settings: ColorScheme): 'light' | 'dark' | undefined => {
  if (asked === 'light' || asked === 'dark') return asked;
  if (asked === 'auto' || settings === 'AUTO') return undefined;
  return settings === 'DARK' ? 'dark' : 'light';
};

/** Nothing is kept in the browser, where a frame of another site may have no storage. */
export const schemeManager: MantineColorSchemeManager = {
  get: (scheme) => scheme,
  set: () => undefined,
  subscribe: () => undefined,
  unsubscribe: () => undefined,
  clear: () => undefined,
};
