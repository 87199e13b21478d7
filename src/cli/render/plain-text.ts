import { cleanText } from '../../protocol/clean-text.ts';

/**
 * Text from outside (models, tools, web pages, strangers) must never drive the user's terminal. Escape sequences are
 * removed whole, other control characters and the invisible ones that reorder text are dropped; newline and tab stay.
 */
const ESC = '\\u001b';
const ESCAPES = new RegExp(
  [
    `${ESC}\\[[0-?]*[ -/]*[@-~]`, // CSI: colours, cursor, device queries
    `${ESC}[\\]PX^_][^\\u0007${ESC}]*(?:\\u0007|${ESC}\\\\|$)`, // OSC, DCS, SOS, PM, APC with their text
    `${ESC}[ -/]*[0-~]?`, // everything else
    '\\u009b[0-?]*[ -/]*[@-~]', // CSI as one C1 character
  ].join('|'),
  'g',
);
const CONTROLS = /(?![\n\t])\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

export function plainText(text: string): string {
  return cleanText(text.replace(/\r\n/g, '\n').replace(ESCAPES, '').replace(CONTROLS, ''));
}

/** One line of at most `width` characters. */
export function oneLine(text: string, width: number): string {
  const line = plainText(text).replace(/\s+/g, ' ').trim();
  return cutLine(line, width);
}

/** A line of ours that is too long loses its end; its columns stay where they are. */
export function cutLine(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
