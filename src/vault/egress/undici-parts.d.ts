/**
 * The parts of undici that every model call uses, by themselves: its index also brings fetch, WebSocket, caches and mocks,
 * 12 MB and most of the vault's start, and is loaded with the first web fetch. Only `dispatch` is there without the index.
 */
declare module 'undici/lib/dispatcher/pool.js' {
  export { Pool as default } from 'undici';
}
declare module 'undici/lib/core/connect.js' {
  export { buildConnector as default } from 'undici';
}
