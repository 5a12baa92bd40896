// The names of the fields that hold cipher texts. Each cipher text is bound to its stream and to this name, so these are part of the storage format.

export const urlField = 'url';
export const secretField = 'secret';
export const routingKeyField = 'formatOptions.routingKey';
/** Those constants that are secret. */
export const constantsField = 'formatOptions.constants';
export const signingKeyField = 'signingKey';
export const sealingKeyField = 'privateKey';

/** Headers are matched without regard to case. */
export const headerField = (name: string) => `headers.${name.toLowerCase()}`;
