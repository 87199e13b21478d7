/** Writes a tar archive in the ustar format: enough for the few small files that an image is built from. Pure. */
const BLOCK = 512;
const LONGEST_NAME = 100;
const CHECKSUM_AT = 148;

export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
  readonly mode?: number;
}

export function tarOf(files: readonly TarFile[]): Buffer {
  const end = Buffer.alloc(2 * BLOCK);
  return Buffer.concat([...files.flatMap((file) => [headerOf(file), padded(file.content)]), end]);
}

function headerOf({ name, content, mode = 0o644 }: TarFile): Buffer {
  if (Buffer.byteLength(name) > LONGEST_NAME) throw new RangeError(`The name "${name}" is too long for a tar archive.`);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  };
  header.write(name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(content.length, 124, 12);
  octal(0, 136, 12); // No time: the same files make the same archive.
  header.fill(' ', CHECKSUM_AT, CHECKSUM_AT + 8);
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT, 'latin1');
  return header;
}

function padded(content: Uint8Array): Buffer {
  const whole = Buffer.alloc(Math.ceil(content.length / BLOCK) * BLOCK);
  whole.set(content);
  return whole;
}
