/**
 * Program output as text for a model or a screen: no terminal escape sequence, no control character but tab and newline,
 * so that nothing in it can move a cursor, set a title or answer a terminal's question. A carriage return that redraws
 * a line keeps what was drawn last.
 */
const CSI = '\\u001b\\[[0-?]*[ -/]*[@-~]';
const STRING_SEQUENCE = '\\u001b[PX^_\\]][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?';
const SHORT_SEQUENCE = '\\u001b[ -/]*[0-~]?';
const C1 = '[\\u0080-\\u009f]';
const ESCAPES = new RegExp(`${CSI}|${STRING_SEQUENCE}|${SHORT_SEQUENCE}|${C1}`, 'g');
const CONTROL_RANGES = ['\\u0000-\\u0008', '\\u000b-\\u001f', '\\u007f'];
const CONTROLS = new RegExp(`[${CONTROL_RANGES.join('')}]`, 'g');
/** Change what the eye reads without changing the bytes. */
const BIDIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;

export function plainText(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map(lastDrawn)
    .join('\n')
    .replace(CONTROLS, '')
    .replace(BIDIRECTIONAL, '');
}

function lastDrawn(line: string): string {
  const ended = line.replace(/\r+$/, '');
  return ended.slice(ended.lastIndexOf('\r') + 1);
}
