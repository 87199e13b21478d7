import type { Permissions } from '../../protocol/permission.ts';

/** Members share their team's part of the blackboard and of the topics, and may write to each other. */
export function joined(permissions: Permissions, team: string, members: readonly string[]): Permissions {
  const own = `teams/${team}/*`;
  return {
    ...permissions,
    blackboard_read: add(permissions.blackboard_read, own),
    blackboard_write: add(permissions.blackboard_write, own),
    can_publish: add(permissions.can_publish, own),
    can_subscribe: add(permissions.can_subscribe, own),
    can_message: add(permissions.can_message, ...members),
  };
}

/** What a membership gave and nothing else. */
export function left(permissions: Permissions, team: string, members: readonly string[]): Permissions {
  const own = `teams/${team}/*`;
  const without = (list: readonly string[], ...gone: readonly string[]): string[] =>
    list.filter((name) => !gone.includes(name));
  return {
    ...permissions,
    blackboard_read: without(permissions.blackboard_read, own),
    blackboard_write: without(permissions.blackboard_write, own),
    can_publish: without(permissions.can_publish, own),
    can_subscribe: without(permissions.can_subscribe, own),
    can_message: without(permissions.can_message, ...members),
  };
}

const add = (list: readonly string[], ...names: readonly string[]): string[] => [...new Set([...list, ...names])];
