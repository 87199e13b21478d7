/**
 * What the exact arguments of one call would touch, resolved by the host and never by the model. The gate decides by it,
 * and an approval is bound to it, so a resource holds everything a person must see and nothing else.
 */
export type Resource =
  | { readonly kind: 'path'; readonly path: string; readonly mode: 'ro' | 'rw' }
  | { readonly kind: 'template'; readonly id: string; readonly network: boolean; readonly egress?: readonly string[] }
  | { readonly kind: 'url'; readonly url: string; readonly method?: string; readonly bytes?: number }
  /** Another agent, by id. `team`: the team both must share unless the sender may cross teams. */
  | { readonly kind: 'agent'; readonly id: string; readonly team?: string; readonly act: 'message' | 'task' | 'read' }
  | { readonly kind: 'topic'; readonly name: string; readonly act: 'publish' | 'subscribe' }
  /** A full key of the blackboard, its namespace included: `teams/sales/tasks/1`. */
  | { readonly kind: 'blackboard'; readonly key: string; readonly act: 'read' | 'write' | 'watch' }
  /** A credential of the agent tier; the system tier has no resource, so no rule can name it. */
  | { readonly kind: 'credential'; readonly name: string }
  | { readonly kind: 'api'; readonly service: string; readonly method: string; readonly path: string }
  | { readonly kind: 'browser'; readonly action: string; readonly host?: string }
  | { readonly kind: 'skill'; readonly name: string; readonly act: 'use' | 'install' | 'remove' }
  | { readonly kind: 'mcp'; readonly server: string; readonly tool: string }
  | { readonly kind: 'schedule'; readonly act: 'create' | 'change' | 'remove' }
  | { readonly kind: 'memory'; readonly scope: string; readonly act: 'read' | 'write' }
  /** A person outside or inside: `telegram:12345`. */
  | { readonly kind: 'person'; readonly address: string; readonly known: boolean }
  /** A change of the fleet itself: an agent, team, template, permission, budget or configuration. */
  | { readonly kind: 'fleet'; readonly act: string; readonly target: string; readonly widens: boolean }
  | { readonly kind: 'wallet'; readonly chain: string; readonly usd: number; readonly contract?: string };

export type ResourceKind = Resource['kind'];
