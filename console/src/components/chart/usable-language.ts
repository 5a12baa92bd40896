// Browsers without a display may call their language "en-US@posix", which Intl refuses. uPlot makes a number format of it while it is loaded, so
// this is imported before.
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true });
}
