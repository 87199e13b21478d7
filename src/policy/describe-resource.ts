import type { Resource } from '../protocol/resource.ts';

/** A resource as one short line for people. Not escaped: whoever shows it does that. */
export function describeResource(resource: Resource): string {
  switch (resource.kind) {
    case 'path':
      return `folder ${resource.path} (${resource.mode})`;
    case 'template':
      return `worker ${resource.id}`;
    case 'url':
      return `${resource.method ?? 'GET'} ${resource.url}`;
    case 'agent':
      return `${resource.act} agent ${resource.id}`;
    case 'topic':
      return `${resource.act} topic ${resource.name}`;
    case 'blackboard':
      return `${resource.act} blackboard ${resource.key}`;
    case 'credential':
      return `credential ${resource.name}`;
    case 'api':
      return `${resource.service}: ${resource.method} ${resource.path}`;
    case 'browser':
      return resource.host === undefined ? resource.action : `${resource.action} on ${resource.host}`;
    case 'skill':
      return `${resource.act} skill ${resource.name}`;
    case 'mcp':
      return `MCP ${resource.server}/${resource.tool}`;
    case 'schedule':
      return `${resource.act} a schedule`;
    case 'memory':
      return `${resource.act} memory ${resource.scope}`;
    case 'person':
      return `message to ${resource.address}`;
    case 'fleet':
      return `${resource.act} ${resource.target}`;
    case 'wallet':
      return `${resource.usd} USD on ${resource.chain}${resource.contract === undefined ? '' : ` to ${resource.contract}`}`;
    default:
      return 'something this version does not know';
  }
}
