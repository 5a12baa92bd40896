// Names of fields in a filter. A dot goes into an object, a leading `$` marks an operator, and a backslash takes the next character as it is:
// `server.region` is the field `region` of `server`, `server\.region` is one field with a dot in its name, `\$id` is the field `$id`.

/** The names on the way to a field. @returns a sentence with the remedy if the key is no path */
export const parseFieldPath = (key: string): readonly string[] | { readonly wrong: string } => {
  if (!/[.\\]/.test(key)) return [key];
  if (key.split('.').includes('$'))
    return {
      wrong: 'Arrays need no `$`: a filter looks at each element by itself. Leave `.$` out, or write `\\$` for a field of that name.',
    };
  const names: string[] = [];
  let name = '';
  for (let i = 0; i < key.length; i += 1) {
    const character = key.charAt(i);
    if (character === '\\') {
      i += 1;
      if (i === key.length) return { wrong: 'The name ends in a backslash; write `\\\\` for a backslash of the name itself.' };
      name += key.charAt(i);
    } else if (character === '.') {
      names.push(name);
      name = '';
    } else name += character;
  }
  names.push(name);
  if (names.includes(''))
    return { wrong: 'A dot goes into an object, and here a name is missing beside it; write `\\.` for a dot of the name itself.' };
  return names;
};

export const isOperator = (key: string) => key.startsWith('$');

/** The key that stands for a field of exactly this name. */
export const escapeFieldName = (name: string): string => name.replaceAll(/[.\\]/g, '\\$&').replace(/^\$/, '\\$');
