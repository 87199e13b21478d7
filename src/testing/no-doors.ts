import type { EgressDoors } from '../host/sandboxes/egress-doors.ts';

/** For tests without a vault: no sandbox has a way out. */
export const noDoors: EgressDoors = {
  reach: async () => [],
  open: async () => {
    throw new Error('there is no vault in this test');
  },
  annotate: async (_runId, outcome) => outcome,
  close: async () => {},
  sweep: async () => {},
};
