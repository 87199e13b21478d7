import { describe, expect, it } from 'vitest';
import { parseHierarchies } from './hierarchies.ts';

describe('control group trees', () => {
  it('of version 2 alone', () => {
    const mounts = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw';
    expect(parseHierarchies(mounts, '0::/user.slice/app.scope\n')).toEqual({
      unified: { own: '/sys/fs/cgroup/user.slice/app.scope', top: '/sys/fs/cgroup' },
      legacy: new Map(),
    });
  });

  it('of both versions, seen from a container', () => {
    const mounts = [
      '40 30 0:31 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '41 30 0:32 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
      '42 30 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n');
    const found = parseHierarchies(
      mounts,
      '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc/x\n2:pids:/else\n0::/docker/abc\n',
    );
    expect(found.legacy.get('memory')).toBe('/sys/fs/cgroup/memory');
    expect(found.legacy.get('cpu')).toBe('/sys/fs/cgroup/cpu,cpuacct/x');
    expect(found.legacy.has('pids')).toBe(false);
    expect(found.unified?.own).toBe('/sys/fs/cgroup/unified/docker/abc');
  });

  it('of a group outside what is mounted are not used', () => {
    const mounts = '40 30 0:31 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory';
    expect(parseHierarchies(mounts, '4:memory:/docker/other\n').legacy.size).toBe(0);
  });
});
