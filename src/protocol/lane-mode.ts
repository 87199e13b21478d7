import { z } from 'zod';

/**
 * What happens to a message while the agent works on an earlier one: it waits its turn, enters the run between two steps,
 * joins the message that waits already, or stops the run and takes its place.
 */
export const LANE_MODES = ['queue', 'steer', 'collect', 'interrupt'] as const;
export const LaneMode = z.enum(LANE_MODES);
export type LaneMode = z.infer<typeof LaneMode>;
