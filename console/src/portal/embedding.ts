// The page around the portal, if it is in a frame: what it is told, and what it may say. Only pages of the configured origins are listened to.
export const isEmbedded = window.parent !== window;

const ancestors: ReadonlySet<string> = new Set(
  document.querySelector<HTMLMetaElement>('meta[name="portal-ancestors"]')?.content.split(' ') ?? [],
);

type Told =
  | { readonly type: 'hookledger:ready' }
  | { readonly type: 'hookledger:expired' }
  | { readonly type: 'hookledger:navigated' }
  | { readonly type: 'hookledger:height'; readonly height: number };

/** Nothing of it is secret, and only configured origins can have the portal in a frame. */
export const tellEmbedder = (message: Told): void => {
  if (isEmbedded) window.parent.postMessage(message, '*');
};

export type Theme = 'light' | 'dark' | 'auto';

type Heard = {
  readonly onToken: (token: string) => void;
  readonly onTheme: (theme: Theme) => void;
};

const fieldOf = (message: object, name: string): unknown => Reflect.get(message, name);
const isTheme = (value: unknown): value is Theme => value === 'light' || value === 'dark' || value === 'auto';

export const listenToEmbedder = ({ onToken, onTheme }: Heard): void =>
  addEventListener('message', ({ origin, data }: MessageEvent<unknown>) => {
    if (!ancestors.has(origin) || typeof data !== 'object' || data === null) return;
    const [type, token, theme] = [fieldOf(data, 'type'), fieldOf(data, 'token'), fieldOf(data, 'theme')];
    if (type === 'hookledger:token' && typeof token === 'string') onToken(token);
    if (type === 'hookledger:theme' && isTheme(theme)) onTheme(theme);
    if (type === 'hookledger:visible') showWhatIsVisible(fieldOf(data, 'top'), fieldOf(data, 'height'));
  });

/** The frame is as high as its content. Dialogs and notices belong into the part of it that the person sees. */
const showWhatIsVisible = (top: unknown, height: unknown): void => {
  if (typeof top !== 'number' || typeof height !== 'number') return;
  const { classList, style } = document.documentElement;
  classList.add('is-sized');
  style.setProperty('--visible-top', `${Math.round(top)}px`);
  style.setProperty('--visible-height', `${Math.round(height)}px`);
};

/** Tells the height of the content whenever it changes. */
export const tellHeight = (content: Element): void => {
  if (!isEmbedded) return;
  new ResizeObserver(() => tellEmbedder({ type: 'hookledger:height', height: Math.ceil(content.getBoundingClientRect().height) })).observe(
    content,
  );
};
