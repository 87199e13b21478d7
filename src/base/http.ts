import { getBuiltinModule } from 'node:process';

/**
 * `node:http` for the processes that serve and ask but need no `fetch`. An ESM import of it reads every export, among them
 * `WebSocket` and its events, and that loads the whole of Node's own undici: 13 MB and as much time as a bare start.
 */
export const { createServer, request } = getBuiltinModule('node:http');
