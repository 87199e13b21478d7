/**
 * Credentials of the agent tier: named, granted per agent, used inside the vault and shown nowhere. The keys of model
 * providers are the other tier, in a table of their own; no name, handle or pattern of this file can reach them.
 */
export const CREDENTIAL_KINDS = {
  /** One opaque value: an API key, a bearer token. */
  value: { required: ['value'], optional: [], open: [] },
  basic: { required: ['username', 'password'], optional: [], open: ['username'] },
  oauth2: {
    required: ['client_id', 'token_url'],
    optional: [
      'client_secret',
      'refresh_token',
      'access_token',
      'expires_at',
      'scope',
      'authorize_url',
      'device_url',
      'audience',
    ],
    open: ['client_id', 'token_url', 'expires_at', 'scope', 'authorize_url', 'device_url', 'audience'],
  },
  aws: {
    required: ['access_key_id', 'secret_access_key'],
    optional: ['session_token', 'region', 'service'],
    open: ['access_key_id', 'region', 'service'],
  },
  'google-service-account': {
    required: ['client_email', 'private_key'],
    optional: ['private_key_id', 'token_uri', 'scope', 'subject', 'project_id'],
    open: ['client_email', 'private_key_id', 'token_uri', 'scope', 'subject', 'project_id'],
  },
  'github-app': {
    required: ['app_id', 'private_key'],
    optional: ['installation_id', 'base_url'],
    open: ['app_id', 'installation_id', 'base_url'],
  },
  mtls: {
    required: ['certificate', 'private_key'],
    optional: ['passphrase', 'ca'],
    open: ['certificate', 'ca'],
  },
  postgres: {
    required: ['username', 'password'],
    optional: ['host', 'port', 'database', 'ca'],
    open: ['username', 'host', 'port', 'database', 'ca'],
  },
} as const satisfies Record<
  string,
  { required: readonly string[]; optional: readonly string[]; open: readonly string[] }
>;

export type CredentialKind = keyof typeof CREDENTIAL_KINDS;
