import { useQuery } from '@tanstack/react-query';
import { useApp } from '../app-context.tsx';
import { formatDuration } from '../format.ts';

/** What kinds of workers an agent can start. */
export function Templates() {
  const { api } = useApp();
  const templates = useQuery({ queryKey: ['worker-templates'], queryFn: api.workerTemplates });
  if (!templates.data || templates.data.length === 0) return null;
  return (
    <>
      <h2 className="mt-8 mb-3 font-semibold">Workers they can start</h2>
      <ul className="card divide-y divide-line">
        {templates.data.map((template) => (
          <li key={template.id} className="grid gap-x-6 gap-y-0.5 px-4 py-3 sm:grid-cols-[11rem_minmax(0,1fr)_auto]">
            <p className="font-medium">{template.title}</p>
            <div className="min-w-0 text-[13px] text-muted">
              <p>{template.description}</p>
              <p className="mt-0.5 font-mono text-xs wrap-anywhere">{template.tools.join(', ') || 'no tools'}</p>
            </div>
            <p className="text-xs text-muted">
              {template.maxSteps} steps, {formatDuration(template.timeoutMs)}
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}
