import { describe, expect, it } from 'vitest';
import { HoldfastConfig, LAUNCHER_CHOICES } from '../protocol/config.ts';
import { selectLauncher } from './select.ts';

describe('the choice of a launcher', () => {
  const deps = { home: '/nonexistent', scratch: '/nonexistent/run' };
  for (const choice of LAUNCHER_CHOICES)
    it(`${choice} is bubblewrap or refused, never something weaker`, () => {
      const { sandbox } = HoldfastConfig.parse({ sandbox: { launcher: choice } });
      if (choice === 'auto' || choice === 'bubblewrap') expect(selectLauncher(sandbox, deps).kind).toBe('bubblewrap');
      else expect(() => selectLauncher(sandbox, deps)).toThrow(new RegExp(`no sandbox launcher "${choice}"`));
    });
});
