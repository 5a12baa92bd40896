// The nonce of this page: style elements that carry it are the only inline styles that the content security policy lets through.
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';

// The library that locks scrolling behind a dialog looks for it here.
Reflect.set(globalThis, '__webpack_nonce__', nonce);
