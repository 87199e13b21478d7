/** A whole, unmasked WebSocket text frame (RFC 6455, section 5.2), as a server sends it. */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const headBytes = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + bytes);
  frame.writeUInt8(0x81, 0);
  if (headBytes === 2) frame.writeUInt8(bytes, 1);
  else if (headBytes === 4) {
    frame.writeUInt8(126, 1);
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame.writeUInt8(127, 1);
    frame.writeBigUInt64BE(BigInt(bytes), 2);
  }
  frame.write(text, headBytes, 'utf8');
  return frame;
}
