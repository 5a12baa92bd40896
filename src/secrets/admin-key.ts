// The admin key that the configuration names.

/** HOOKLEDGER_ADMIN_KEY names a key that another start has replaced. */
export class AdminKeyReplaced extends Error {
  override name = 'AdminKeyReplaced';
}
