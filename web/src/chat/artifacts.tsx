import { useQuery } from '@tanstack/react-query';
import { Download, FileText } from 'lucide-react';
import { useState } from 'react';
import { artifactUrl } from '../api/client.ts';
import { useApp } from '../app-context.tsx';
import { formatBytes } from '../format.ts';
import { Button, ErrorNote, Output, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Markdown } from '../ui/markdown.tsx';

export interface ArtifactLink {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly mediaType: string;
}

const LARGEST_OPENED_BYTES = 2_000_000;

export function ArtifactList({ artifacts }: { artifacts: readonly ArtifactLink[] }) {
  if (artifacts.length === 0) return null;
  return (
    <ul aria-label="Artifacts" className="flex flex-wrap gap-2">
      {artifacts.map((artifact) => (
        <li key={artifact.id} className="max-w-full">
          <ArtifactChip artifact={artifact} />
        </li>
      ))}
    </ul>
  );
}

function ArtifactChip({ artifact }: { artifact: ArtifactLink }) {
  const [open, setOpen] = useState(false);
  const readable =
    /^(text\/|application\/(json|xml|yaml))/.test(artifact.mediaType) && artifact.bytes <= LARGEST_OPENED_BYTES;
  return (
    <span className="flex max-w-full items-center rounded-md border border-line-strong bg-surface">
      {readable ? (
        <button
          type="button"
          onClick={() => setOpen(true)}
          className="flex min-w-0 items-center gap-2 rounded-l-md px-3 py-1.5 text-[13px] hover:bg-hover"
        >
          <Name artifact={artifact} />
        </button>
      ) : (
        <span className="flex min-w-0 items-center gap-2 px-3 py-1.5 text-[13px]">
          <Name artifact={artifact} />
        </span>
      )}
      <a
        href={artifactUrl(artifact.id)}
        download={artifact.name}
        aria-label={`Download ${artifact.name}`}
        title="Download"
        className="flex self-stretch items-center rounded-r-md border-l border-line px-2.5 text-muted hover:bg-hover hover:text-text"
      >
        <Download size={15} aria-hidden />
      </a>
      {open && <Viewer artifact={artifact} onClose={() => setOpen(false)} />}
    </span>
  );
}

function Name({ artifact }: { artifact: ArtifactLink }) {
  return (
    <>
      <FileText size={15} aria-hidden className="shrink-0 text-accent" />
      <span className="truncate font-medium">{artifact.name}</span>
      <span className="shrink-0 text-xs text-muted">{formatBytes(artifact.bytes)}</span>
    </>
  );
}

function Viewer({ artifact, onClose }: { artifact: ArtifactLink; onClose: () => void }) {
  const { api } = useApp();
  const content = useQuery({
    queryKey: ['artifact', artifact.id],
    queryFn: () => api.artifactText(artifact.id),
    staleTime: Infinity,
  });
  return (
    <Dialog title={artifact.name} onClose={onClose} wide>
      {content.isPending && <SkeletonRows />}
      {content.error && (
        <ErrorNote error={toNamedError(content.error)}>
          <Button className="mt-2" onClick={() => void content.refetch()}>
            Try again
          </Button>
        </ErrorNote>
      )}
      {content.data !== undefined &&
        (/markdown/.test(artifact.mediaType) || artifact.name.endsWith('.md') ? (
          <Markdown text={content.data} />
        ) : (
          <Output label={artifact.name} text={content.data} />
        ))}
    </Dialog>
  );
}
