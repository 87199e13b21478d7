/** Content-addressed bytes: the address is the SHA-256 of the content in hex. Putting the same bytes twice is free. */
export interface BlobStore {
  put(bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobRef>;
  /** Throws `not-found`. */
  get(hash: string): Promise<Uint8Array>;
  /** Bytes `[start, end)`. Throws `not-found`. */
  range(hash: string, start: number, end: number): Promise<Uint8Array>;
  stat(hash: string): Promise<{ bytes: number } | undefined>;
}

export interface BlobRef {
  readonly hash: string;
  readonly bytes: number;
}
