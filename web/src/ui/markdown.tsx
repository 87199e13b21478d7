import { lexer, type Token, type Tokens } from 'marked';
import { memo, type ReactNode } from 'react';

/**
 * Markdown from a model, which may have been fooled. It is parsed into tokens and each token becomes one of our own
 * elements; no string ever becomes HTML. Raw HTML is shown as the text it is. An image would be fetched without a click
 * and could carry private text out in its address, so it becomes a link that says so.
 */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return <div className="prose">{blocks(lexer(text))}</div>;
});

/** Only addresses that open a page or a mail; everything else stays text. */
export function safeHref(href: string): string | undefined {
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined; // relative or malformed: nothing of ours may be a target of model text
  }
}

const blocks = (tokens: readonly Token[]): ReactNode[] => tokens.map((token, index) => block(token, index));

function block(token: Token, key: number): ReactNode {
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'heading':
      return heading(token as Tokens.Heading, key);
    case 'paragraph':
      return <p key={key}>{inline((token as Tokens.Paragraph).tokens)}</p>;
    case 'code':
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        <pre key={key} tabIndex={0}>
          <code>{(token as Tokens.Code).text}</code>
        </pre>
      );
    case 'blockquote':
      return <blockquote key={key}>{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
    case 'list':
      return list(token as Tokens.List, key);
    case 'table':
      return table(token as Tokens.Table, key);
    case 'hr':
      return <hr key={key} />;
    case 'text': {
      const { tokens, text } = token as Tokens.Text;
      return <span key={key}>{tokens ? inline(tokens) : text}</span>;
    }
    default:
      return <p key={key}>{token.raw}</p>;
  }
}

/** One level down: the page's own title is the first. */
function heading({ depth, tokens }: Tokens.Heading, key: number): ReactNode {
  const Level = (['h2', 'h3', 'h4'] as const)[depth - 1] ?? 'h5';
  return <Level key={key}>{inline(tokens)}</Level>;
}

function list({ ordered, start, items }: Tokens.List, key: number): ReactNode {
  const children = items.map((item, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the text only grows, positions are stable
    <li key={index}>
      {item.task && (item.checked ? '☑ ' : '☐ ')}
      {blocks(item.tokens.filter((token) => token.type !== 'checkbox'))}
    </li>
  ));
  if (!ordered) return <ul key={key}>{children}</ul>;
  return (
    <ol key={key} start={start === '' ? 1 : start}>
      {children}
    </ol>
  );
}

function table({ header, rows }: Tokens.Table, key: number): ReactNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
    <section key={key} className="table-scroll" tabIndex={0} aria-label="Table">
      <table>
        <thead>
          <tr>
            {header.map((cell, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns keep their places
              <th key={index}>{inline(cell.tokens)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows keep their places
            <tr key={index}>
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns keep their places
                <td key={column}>{inline(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const inline = (tokens: readonly Token[]): ReactNode[] => tokens.map((token, index) => span(token, index));

function span(token: Token, key: number): ReactNode {
  switch (token.type) {
    case 'strong':
      return <strong key={key}>{inline((token as Tokens.Strong).tokens)}</strong>;
    case 'em':
      return <em key={key}>{inline((token as Tokens.Em).tokens)}</em>;
    case 'del':
      return <del key={key}>{inline((token as Tokens.Del).tokens)}</del>;
    case 'codespan':
      return <code key={key}>{(token as Tokens.Codespan).text}</code>;
    case 'br':
      return <br key={key} />;
    case 'escape':
      return (token as Tokens.Escape).text;
    case 'link': {
      const { href, text, tokens } = token as Tokens.Link;
      return link({ key, href, label: text, children: inline(tokens) });
    }
    case 'image': {
      const { href, text } = token as Tokens.Image;
      return link({ key, href, label: '', children: `image: ${text || href}` });
    }
    case 'text': {
      const { tokens, text } = token as Tokens.Text;
      return tokens ? <span key={key}>{inline(tokens)}</span> : decode(text);
    }
    default:
      return token.raw;
  }
}

interface Link {
  readonly key: number;
  readonly href: string;
  readonly label: string;
  readonly children: ReactNode;
}

function link({ key, href, label, children }: Link): ReactNode {
  const safe = safeHref(href);
  if (safe === undefined) return <span key={key}>{children}</span>;
  const host = hostOf(safe);
  return (
    <span key={key}>
      <a href={safe} target="_blank" rel="noopener noreferrer nofollow" title={safe}>
        {children}
      </a>
      {label === safe || `${label}/` === safe || label === host ? null : <span className="link-host"> ({host})</span>}
    </span>
  );
}

/** Where a link really goes, whatever its text says. The browser's own parser names it, letters of other scripts as xn--. */
function hostOf(href: string): string {
  const url = new URL(href);
  return url.protocol === 'mailto:' ? url.pathname : url.host;
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: '\u00a0' };

/** React escapes text itself, so the few entities people write are turned into what they stand for. */
function decode(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
