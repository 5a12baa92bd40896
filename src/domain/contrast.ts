// How well a color can be read on another, by WCAG 2.2.

/** WCAG 2.2 asks for it between text and what is behind it. */
export const leastContrast = 4.5;

/** How bright it looks: 0 for black, 1 for white. @param color `#rrggbb` */
export const luminanceOf = (color: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** The contrast ratio, from 1 to 21. @param a `#rrggbb` @param b `#rrggbb` */
export const contrastBetween = (a: string, b: string): number => {
  const [one, other] = [luminanceOf(a), luminanceOf(b)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
};

export const contrastWithWhite = (color: string): number => contrastBetween(color, '#ffffff');
