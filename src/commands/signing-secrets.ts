// Signing secrets: generates them, and checks that they fit the signature scheme. The decider sees only cipher text, so the rules that need a
// readable secret are here, wrapped around it. The executor applies them with every decision, also after a conflict.
import { fold } from '../domain/decider.ts';
import type { SignatureScheme } from '../domain/endpoint-events.ts';
import { endpoint, type Endpoint, type EndpointCommand, type EndpointConfiguration } from '../domain/endpoint.ts';
import { badInput } from '../domain/errors.ts';
import type { EndpointId } from '../domain/ids.ts';
import { secretField } from '../domain/secret-fields.ts';
import { endpointStream } from '../domain/streams.ts';
import type { StreamCipher } from '../secrets/vault.ts';
import { keepEndpointSecrets } from './unchanged-secrets.ts';
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

/** Generates an organization's signing key, in the form of STANDARD_WEBHOOKS. The other HMAC schemes take any text. */
export const newOrganizationKey = newSymmetricKey;

export const newSecretFor = (scheme: SignatureScheme): string => forms[scheme].make();

/** Why a secret can't sign by that scheme, as the end of a sentence; undefined if it can. */
export const misfit = (scheme: SignatureScheme, secret: string): string | undefined => {
  try {
    forms[scheme].check(secret);
    return undefined;
  } catch (error) {
    if (error instanceof UnfitSecret) return error.message;
    throw error;
  }
};

/** The endpoint's decider with one more rule: the secret, and the key that will sign, fit the scheme. */
export const endpointWith = (keys: OrganizationKeys, id: EndpointId): typeof endpoint => ({
  ...endpoint,
  decide: (given, state) => {
    const cipher = keys.keyring.cipherFor(endpointStream(id));
    const command = keepEndpointSecrets(given, state, cipher);
    const events = endpoint.decide(command, state);
    const after = fold({ initial: state, evolve: endpoint.evolve }, events);
    if (after.exists !== 'yes') return events;
    for (const { type } of events) {
      if (type === 'endpoint.registered' || type === 'endpoint.secret-rotated') checkSet(after.configuration, cipher);
      if (type === 'endpoint.registered' || type === 'endpoint.signature-changed')
        checkSigning(after.configuration, keys, cipher, command, state);
    }
    return events;
  },
});

const checkSet = ({ settings: { signature }, secret }: EndpointConfiguration, cipher: StreamCipher): void => {
  const why = secret === null ? undefined : misfit(signature, cipher.open(secret, secretField));
  if (why !== undefined) throw badInput('secret', `The secret can't sign by ${signature}: ${why}. Leave it out, and one is made.`);
};

const checkSigning = (
  { settings: { signature, useOrganizationKey }, secret }: EndpointConfiguration,
  { signingKey }: OrganizationKeys,
  cipher: StreamCipher,
  command: EndpointCommand,
  before: Endpoint,
): void => {
  const signing = useOrganizationKey ? signingKey : secret && cipher.open(secret, secretField);
  const why = signing === null ? undefined : misfit(signature, signing);
  if (why === undefined) return;
  if (useOrganizationKey)
    throw badInput(
      'useOrganizationKey',
      `${signature} can't sign with the organization's key: ${why}. Reset the key, or give the endpoint a secret of its own.`,
    );
  const path = command.type === 'Change' && command.settings.signature === undefined ? 'useOrganizationKey' : 'signature';
  // A new secret must also fit the current scheme.
  const anyFitsNow = before.exists === 'yes' && forms[before.configuration.settings.signature] === anyText;
  const remedy = anyFitsNow
    ? `Rotate the secret to one that fits, then choose ${signature}.`
    : `Pause the endpoint, choose NONE, rotate the secret to one that fits, choose ${signature}, and resume it.`;
  throw badInput(path, `${signature} can't sign with the endpoint's secret: ${why}. ${remedy}`);
};
