import { createHash } from 'node:crypto';

/**
 * The few pages that the gateway writes itself: they must work without the dashboard and without scripts. Every text in
 * them is ours; nothing of a request is ever put in.
 */
const STYLE = `:root{color-scheme:light dark}
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.55 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:30rem;padding:2rem 1.5rem}
h1{font-size:1.35rem;margin:0 0 .6rem;letter-spacing:-.01em}
p{margin:.5rem 0;opacity:.85}
code{font:.9em ui-monospace,monospace;padding:.15em .4em;border-radius:.3em;background:color-mix(in srgb,CanvasText 10%,Canvas)}
a{color:LinkText}`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export interface Page {
  readonly title: string;
  /** Sentences; \`…\` becomes code. */
  readonly lines: readonly string[];
  /** Goes on to this path of ours by itself. */
  readonly next?: string;
  /** One field that is sent to a path of ours. */
  readonly form?: { readonly action: string; readonly label: string };
}

function renderPage({ title, lines, next, form }: Page): string {
  const refresh = next === undefined ? '' : `<meta http-equiv="refresh" content="0;url=${next}">`;
  const link = next === undefined ? '' : `<p><a href="${next}">Go on</a></p>`;
  const text = lines.map((line) => `<p>${line.replace(/`([^`]+)`/g, '<code>$1</code>')}</p>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title} · Holdfast</title>
<meta name="viewport" content="width=device-width, initial-scale=1">${refresh}<style>${STYLE}</style></head>
<body><main><h1>${title}</h1>${text}${link}${fieldOf(form)}</main></body></html>\n`;
}

function fieldOf(form: Page['form']): string {
  if (form === undefined) return '';
  const field = '<input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="9" required autofocus>';
  return `<form method="post" action="${form.action}"><p><label>${form.label} ${field}</label> <button>Go on</button></p></form>`;
}

export function pageResponse(status: number, page: Page, headers: Record<string, string> = {}): Response {
  return new Response(renderPage(page), {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action ${page.form === undefined ? "'none'" : "'self'"}; frame-ancestors 'none'`,
      ...headers,
    },
  });
}

export const NEW_LINK = 'Type `holdfast dashboard` on the machine that runs Holdfast for a new login link.';
