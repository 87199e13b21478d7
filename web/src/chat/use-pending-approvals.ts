import { useQuery } from '@tanstack/react-query';
import type { ApprovalView } from '../../../src/protocol/api.ts';
import { useApp } from '../app-context.tsx';

export function usePendingApprovals(): readonly ApprovalView[] {
  const { api } = useApp();
  return useQuery({ queryKey: ['approvals'], queryFn: api.approvals, refetchInterval: 30_000 }).data ?? [];
}
