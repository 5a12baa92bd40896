// The codes that a filter takes, as somebody writes them: `500`, `5xx`, `400-499`. Pure.

export type Codes = { readonly from: number; readonly until: number };

const least = 100;
const most = 599;

/** Undefined where the text is none of these. */
export const codesIn = (text: string): Codes | undefined => {
  const written = text.trim().toLowerCase();
  const hundreds = /^([1-5])xx$/.exec(written)?.[1];
  if (hundreds !== undefined) return { from: Number(hundreds) * 100, until: Number(hundreds) * 100 + 99 };
  const [, first, last = first] = /^(\d{3})(?:\s*[-–]\s*(\d{3}))?$/.exec(written) ?? [];
  if (first === undefined) return undefined;
  const codes = { from: Number(first), until: Number(last) };
  return codes.from >= least && codes.until <= most && codes.from <= codes.until ? codes : undefined;
};
