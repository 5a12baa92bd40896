// Secrets and the schemes that they sign by: what fits, and what is made. The decider sees cipher text only, so the rules that take reading a
// secret stand here. They are part of the decision all the same: taken on the state that is decided on, and taken again when somebody else was faster.
import { fold } from '../domain/decider.ts';
import { endpoint, type Endpoint, type EndpointCommand, type EndpointConfiguration, type SignatureScheme } from '../domain/endpoint.ts';
import { badInput } from '../domain/errors.ts';
import type { OrganizationKeys } from '../read-models/directory/resolved-endpoint.ts';
import { newPrivateKey, newSymmetricKey, newTextKey, privateKeyOf, symmetricKeyOf, UnfitSecret } from '../secrets/signing-keys.ts';

/** `check` throws UnfitSecret. */
type Form = { readonly check: (secret: string) => unknown; readonly make: () => string };
const anyText: Form = { check: () => undefined, make: newTextKey };

const forms: Readonly<Record<SignatureScheme, Form>> = {
  NONE: anyText,
  WEBHOOK_SHA256: anyText,
  SIGNATURE_SHA256: anyText,
  STANDARD_WEBHOOKS: { check: symmetricKeyOf, make: newSymmetricKey },
  STANDARD_WEBHOOKS_ED25519: { check: privateKeyOf, make: newPrivateKey },
};

/** The organization's signing key: text like any other to the HMAC schemes, in the form that STANDARD_WEBHOOKS takes. */
export const newOrganizationKey = newSymmetricKey;

export const newSecretFor = (scheme: SignatureScheme): string => forms[scheme].make();

/** Why a secret can't sign by that scheme, as the end of a sentence; undefined where it can. */
export const misfit = (scheme: SignatureScheme, secret: string): string | undefined => {
  try {
    forms[scheme].check(secret);
    return undefined;
  } catch (error) {
    if (error instanceof UnfitSecret) return error.message;
    throw error;
  }
};

/** The endpoint's decider with one more rule: a secret that is set, and what is to sign from now on, fits the scheme. */
export const endpointWith = (keys: OrganizationKeys): typeof endpoint => ({
  ...endpoint,
  decide: (command, state) => {
    const events = endpoint.decide(command, state);
    const after = fold({ initial: state, evolve: endpoint.evolve }, events);
    if (after.exists !== 'yes') return events;
    for (const { type } of events) {
      if (type === 'endpoint.registered' || type === 'endpoint.secret-rotated') checkSet(after.configuration, keys);
      if (type === 'endpoint.registered' || type === 'endpoint.signature-changed') checkSigning(after.configuration, keys, command, state);
    }
    return events;
  },
});

const checkSet = ({ settings: { signature }, secret }: EndpointConfiguration, { keyring }: OrganizationKeys): void => {
  const why = secret === null ? undefined : misfit(signature, keyring.open(secret));
  if (why !== undefined) throw badInput('secret', `The secret can't sign by ${signature}: ${why}. Leave it out, and one is made.`);
};

const checkSigning = (
  { settings: { signature, useOrganizationKey }, secret }: EndpointConfiguration,
  { keyring, signingKey }: OrganizationKeys,
  command: EndpointCommand,
  before: Endpoint,
): void => {
  const signing = useOrganizationKey ? signingKey : secret && keyring.open(secret);
  const why = signing === null ? undefined : misfit(signature, signing);
  if (why === undefined) return;
  if (useOrganizationKey)
    throw badInput(
      'useOrganizationKey',
      `${signature} can't sign with the organization's key: ${why}. Reset the key, or give the endpoint a secret of its own.`,
    );
  const path = command.type === 'Change' && command.settings.signature === undefined ? 'useOrganizationKey' : 'signature';
  // The scheme of now has its say on the secret that is rotated to.
  const anyFitsNow = before.exists === 'yes' && forms[before.configuration.settings.signature] === anyText;
  const remedy = anyFitsNow
    ? `Rotate the secret to one that fits, then choose ${signature}.`
    : `Pause the endpoint, choose NONE, rotate the secret to one that fits, choose ${signature}, and resume it.`;
  throw badInput(path, `${signature} can't sign with the endpoint's secret: ${why}. ${remedy}`);
};
