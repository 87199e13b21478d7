import type { ServiceInput } from './service.ts';

/**
 * Services as their makers document them: where the API is and where the key goes. A preset is a beginning; whatever is
 * given beside it wins, and nothing is reachable before the owner adds the service and grants its credential.
 */
export interface ServicePreset {
  readonly title: string;
  /** Kind of credential that it takes; `value` is one key. */
  readonly credential: 'value' | 'basic' | 'oauth2' | 'google-service-account' | 'github-app' | 'aws';
  readonly setting: ServiceInput;
  /** Public facts of the provider for a credential of the kind oauth2. */
  readonly oauth?: Readonly<Record<'token_url' | 'authorize_url' | 'device_url', string | undefined>>;
  /** Where the owner gets the key. */
  readonly keys: string;
}

const bearer = { kind: 'bearer' } as const;
const header = (name: string, prefix = '') => ({ kind: 'header', name, prefix }) as const;
const basic = (username = '') => ({ kind: 'basic', username }) as const;
const at = (baseUrl: string, placement: ServiceInput['placement'], more: Partial<ServiceInput> = {}): ServiceInput => ({
  baseUrl,
  placement,
  ...more,
});
const key = (title: string, setting: ServiceInput, keys: string): ServicePreset => ({
  title,
  credential: 'value',
  setting,
  keys,
});

const GOOGLE_OAUTH = {
  token_url: 'https://oauth2.googleapis.com/token',
  authorize_url: 'https://accounts.google.com/o/oauth2/v2/auth',
  device_url: 'https://oauth2.googleapis.com/device/code',
};
const GITHUB_HOSTS = ['uploads.github.com', 'github.com', 'codeload.github.com', 'raw.githubusercontent.com'];

export const SERVICE_PRESETS: Readonly<Record<string, ServicePreset>> = {
  'brave-search': key(
    'Brave Search',
    at('https://api.search.brave.com/res/v1', header('X-Subscription-Token'), { allow: ['GET /res/v1/*'] }),
    'https://api-dashboard.search.brave.com',
  ),
  tavily: key('Tavily', at('https://api.tavily.com', bearer), 'https://app.tavily.com'),
  exa: key('Exa', at('https://api.exa.ai', header('x-api-key')), 'https://dashboard.exa.ai'),
  firecrawl: key('Firecrawl', at('https://api.firecrawl.dev', bearer), 'https://www.firecrawl.dev/app/api-keys'),
  apollo: key(
    'Apollo',
    at('https://api.apollo.io/api/v1', header('X-Api-Key')),
    'https://app.apollo.io/#/settings/integrations/api',
  ),
  hunter: key(
    'Hunter',
    at('https://api.hunter.io/v2', { kind: 'query', name: 'api_key' }),
    'https://hunter.io/api-keys',
  ),
  perplexity: key('Perplexity', at('https://api.perplexity.ai', bearer), 'https://www.perplexity.ai/settings/api'),
  github: key(
    'GitHub, by a token; git, gh and the API',
    at('https://api.github.com', bearer, { alsoHosts: ['uploads.github.com'] }),
    'https://github.com/settings/tokens',
  ),
  'github-git': key(
    'git over https at GitHub, by a token',
    at('https://github.com', basic('x-access-token')),
    'https://github.com/settings/tokens',
  ),
  'github-app': {
    title: 'GitHub, by an app; tokens of an hour for its repositories',
    credential: 'github-app',
    setting: at('https://api.github.com', basic('x-access-token'), { alsoHosts: GITHUB_HOSTS }),
    keys: 'https://github.com/settings/apps',
  },
  gitlab: key(
    'GitLab',
    at('https://gitlab.com/api/v4', header('PRIVATE-TOKEN')),
    'https://gitlab.com/-/user_settings/personal_access_tokens',
  ),
  slack: key(
    'Slack Web API',
    at('https://slack.com/api', bearer, { alsoHosts: ['files.slack.com'] }),
    'https://api.slack.com/apps',
  ),
  'slack-oauth': {
    title: 'Slack Web API, by a login with rotating tokens',
    credential: 'oauth2',
    setting: at('https://slack.com/api', bearer),
    oauth: {
      token_url: 'https://slack.com/api/oauth.v2.access',
      authorize_url: 'https://slack.com/oauth/v2/authorize',
      device_url: undefined,
    },
    keys: 'https://api.slack.com/apps',
  },
  google: {
    title: 'Google Workspace APIs, by a login',
    credential: 'oauth2',
    setting: at('https://www.googleapis.com', bearer, { alsoHosts: ['*.googleapis.com'], allow: ['/*'] }),
    oauth: GOOGLE_OAUTH,
    keys: 'https://console.cloud.google.com/apis/credentials',
  },
  'google-service-account': {
    title: 'Google APIs, by a service account',
    credential: 'google-service-account',
    setting: at('https://www.googleapis.com', bearer, { alsoHosts: ['*.googleapis.com'], allow: ['/*'] }),
    keys: 'https://console.cloud.google.com/iam-admin/serviceaccounts',
  },
  gmail: {
    title: 'Gmail, by a login; reads and drafts',
    credential: 'oauth2',
    setting: at('https://gmail.googleapis.com/gmail/v1', bearer, {
      scopes: ['https://www.googleapis.com/auth/gmail.readonly', 'https://www.googleapis.com/auth/gmail.compose'],
    }),
    oauth: GOOGLE_OAUTH,
    keys: 'https://console.cloud.google.com/apis/credentials',
  },
  'openai-images': key(
    'OpenAI images',
    at('https://api.openai.com/v1', bearer, { allow: ['POST /v1/images/*'] }),
    'https://platform.openai.com/api-keys',
  ),
  'openai-audio': key(
    'OpenAI speech and transcription',
    at('https://api.openai.com/v1', bearer, { allow: ['POST /v1/audio/*'] }),
    'https://platform.openai.com/api-keys',
  ),
  'google-images': key(
    'Gemini images',
    at('https://generativelanguage.googleapis.com/v1beta', header('x-goog-api-key'), {
      allow: ['POST /v1beta/models/*'],
    }),
    'https://aistudio.google.com/apikey',
  ),
  replicate: key('Replicate', at('https://api.replicate.com/v1', bearer), 'https://replicate.com/account/api-tokens'),
  elevenlabs: key(
    'ElevenLabs',
    at('https://api.elevenlabs.io', header('xi-api-key')),
    'https://elevenlabs.io/app/settings/api-keys',
  ),
  deepgram: key(
    'Deepgram',
    at('https://api.deepgram.com/v1', header('Authorization', 'Token ')),
    'https://console.deepgram.com',
  ),
  huggingface: key(
    'Hugging Face',
    at('https://huggingface.co', bearer, { alsoHosts: ['router.huggingface.co'] }),
    'https://huggingface.co/settings/tokens',
  ),
  notion: key('Notion', at('https://api.notion.com/v1', bearer), 'https://www.notion.so/my-integrations'),
  linear: key(
    'Linear',
    at('https://api.linear.app/graphql', header('Authorization')),
    'https://linear.app/settings/api',
  ),
  airtable: key('Airtable', at('https://api.airtable.com/v0', bearer), 'https://airtable.com/create/tokens'),
  hubspot: key('HubSpot', at('https://api.hubapi.com', bearer), 'https://app.hubspot.com/private-apps'),
  stripe: key('Stripe', at('https://api.stripe.com/v1', bearer), 'https://dashboard.stripe.com/apikeys'),
  resend: key('Resend', at('https://api.resend.com', bearer), 'https://resend.com/api-keys'),
  sendgrid: key('SendGrid', at('https://api.sendgrid.com/v3', bearer), 'https://app.sendgrid.com/settings/api_keys'),
  cloudflare: key(
    'Cloudflare',
    at('https://api.cloudflare.com/client/v4', bearer),
    'https://dash.cloudflare.com/profile/api-tokens',
  ),
  sentry: key('Sentry', at('https://sentry.io/api/0', bearer), 'https://sentry.io/settings/account/api/auth-tokens'),
  jira: {
    title: 'Jira Cloud; give --base-url https://<site>.atlassian.net',
    credential: 'basic',
    setting: at('https://api.atlassian.com', basic()),
    keys: 'https://id.atlassian.com/manage-profile/security/api-tokens',
  },
  twilio: {
    title: 'Twilio',
    credential: 'basic',
    setting: at('https://api.twilio.com/2010-04-01', basic()),
    keys: 'https://console.twilio.com',
  },
  '2captcha': key(
    '2Captcha',
    at('https://api.2captcha.com', { kind: 'body', name: 'clientKey' }),
    'https://2captcha.com/enterpage',
  ),
  capsolver: key(
    'CapSolver',
    at('https://api.capsolver.com', { kind: 'body', name: 'clientKey' }),
    'https://dashboard.capsolver.com',
  ),
  's3-us-east-1': {
    title: 'Amazon S3 in us-east-1',
    credential: 'aws',
    setting: at(
      'https://s3.us-east-1.amazonaws.com',
      { kind: 'sigv4', service: 's3', region: 'us-east-1' },
      {
        alsoHosts: ['*.s3.us-east-1.amazonaws.com'],
      },
    ),
    keys: 'https://console.aws.amazon.com/iam',
  },
};
