import { deflateRawSync } from 'node:zlib';

/**
 * The ways in which a known value may be written, as the bytes that must then stand there one after the other. Base64 and
 * the packed form depend on what stands around the value, so of those only the part that does not is kept: three of
 * base64, one for each place in its groups of three bytes.
 *
 * Percent-encoding and JSON escapes of any mix are not listed: `decoded-view.ts` undoes them before the search.
 */
export interface Form {
  readonly bytes: Buffer;
  /** Reads like words, so that pieces of it may stand anywhere by chance. */
  readonly wordy: boolean;
}

/** Shorter ones would hit ordinary text. */
export const SHORTEST = 8;
const LONG_LINE = 24;
const GZIP_HEAD_BYTES = 10;
const WORD = '(?:[A-Z]?[a-z]{1,14}|[A-Z]{1,14})';
const WORDY = new RegExp(`^${WORD}(?:[-_ .,:/]${WORD})*\\d{0,4}$`);

export function formsOf(value: string): readonly Form[] {
  const bytes = Buffer.from(value);
  if (bytes.length < SHORTEST) return [];
  const wordy = WORDY.test(value);
  const once = JSON.stringify(value).slice(1, -1);
  const texts = [value, once, JSON.stringify(once).slice(1, -1), [...value].reverse().join('')];
  const coded = [...base64Forms(bytes), ...hexForms(bytes), ...packedForms(value)];
  const forms = [
    ...texts.map((text) => ({ bytes: Buffer.from(text), wordy })),
    ...linesOf(value).map((line) => ({ bytes: Buffer.from(line), wordy: false })),
    ...coded.map((text) => ({ bytes: Buffer.from(text, 'latin1'), wordy: false })),
    { bytes: packedBody(value), wordy: false },
  ];
  const seen = new Set<string>();
  return forms.filter(({ bytes: form }) => {
    const key = form.toString('latin1');
    if (form.length < SHORTEST || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Of a key of several lines each line is a secret, its frame is not. */
function linesOf(value: string): string[] {
  if (!value.includes('\n')) return [];
  return value.split(/\r?\n/).filter((line) => line.length >= LONG_LINE && !line.startsWith('-----'));
}

function base64Forms(bytes: Buffer): string[] {
  const whole = bytes.toString('base64').replace(/=+$/, '');
  const standard = [whole, ...[0, 1, 2].map((before) => innerBase64(bytes, before))];
  return standard.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
}

/** The characters of base64 that `bytes` alone decide when `before` other bytes stand in front of them. */
function innerBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes, Buffer.alloc(2)]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

function hexForms(bytes: Buffer): string[] {
  const hex = bytes.toString('hex');
  return [hex, hex.toUpperCase()];
}

/** gzip of the value alone, with or without a line break after it, as base64 and hex. Other archives are opened instead. */
function packedForms(value: string): string[] {
  const body = packedBody(value);
  if (body.length < SHORTEST) return [];
  const inner = innerBase64(body, GZIP_HEAD_BYTES % 3);
  return [inner, inner.replaceAll('+', '-').replaceAll('/', '_'), ...hexForms(body)];
}

/** What the two have in common. Its first bits say how it is packed and its last bytes hang on what follows. */
function packedBody(value: string): Buffer {
  const [plain, ended] = [deflateRawSync(value), deflateRawSync(`${value}\n`)];
  let length = 0;
  while (length < plain.length && plain[length] === ended[length]) length += 1;
  return plain.subarray(0, length);
}
