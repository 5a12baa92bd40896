// How the console looks: the component library's own design, a little denser, in one accent colour that keeps its contrast in both schemes.
import { createTheme, type CSSVariablesResolver } from '@mantine/core';

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 7 },
  autoContrast: true,
  fontFamily: 'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
  defaultRadius: 'md',
  respectReducedMotion: true,
  cursorType: 'pointer',
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1rem', lineHeight: '1.4' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
    },
  },
  components: {
    Button: { defaultProps: { size: 'sm' } },
    Anchor: { defaultProps: { underline: 'hover' } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300, events: { hover: true, focus: true, touch: true } } },
    Table: {
      defaultProps: {
        verticalSpacing: 'sm',
        horizontalSpacing: 'sm',
        highlightOnHover: true,
        highlightOnHoverColor: 'var(--console-hover)',
      },
    },
    // Its words would fade from one colour scheme to the other.
    SegmentedControl: { defaultProps: { transitionDuration: 0 } },
    // Its header is no banner of the page.
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.4 }, attributes: { header: { role: 'none' } } } },
  },
});

/** On dark ground the library's light backgrounds are heavy; these let the ground through. */
const tints = Object.fromEntries(
  (['indigo', 'teal', 'orange', 'yellow', 'red', 'blue', 'gray'] as const).flatMap((color) => [
    [`--mantine-color-${color}-light`, `color-mix(in srgb, var(--mantine-color-${color}-6) 18%, transparent)`],
    [`--mantine-color-${color}-light-hover`, `color-mix(in srgb, var(--mantine-color-${color}-6) 26%, transparent)`],
    [`--mantine-color-${color}-light-color`, `var(--mantine-color-${color}-2)`],
  ]),
);

/** Grey text of the library is too light on its grey backgrounds: 4.5 : 1 is the least. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#5c636e',
    '--mantine-color-placeholder': '#6b7280',
    '--mantine-color-error': '#c92a2a',
    '--mantine-color-indigo-light-hover': '#dbe4ff',
    '--mantine-color-teal-light-color': '#086148',
    '--console-surface': '#ffffff',
    '--console-ground': '#f7f8fa',
    '--console-line': '#e3e6ea',
    '--console-hover': '#f7f8fa',
  },
  dark: {
    ...tints,
    '--mantine-color-dimmed': '#a3a8b0',
    '--mantine-color-placeholder': '#a3a8b0',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-body': '#141619',
    '--console-surface': '#1b1e22',
    '--console-ground': '#141619',
    '--console-line': '#2e3238',
    '--console-hover': '#22262b',
  },
});
