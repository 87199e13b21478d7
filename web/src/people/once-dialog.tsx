import { Check, Copy } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';

interface OnceProps {
  readonly title: string;
  readonly text: string;
  readonly secret: string;
  readonly onClose: () => void;
}

/** A secret that is shown this one time. */
export function OnceDialog({ title, text, secret, onClose }: OnceProps) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(secret).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="mb-3 text-muted">{text} It is shown this one time.</p>
      <code className="block rounded-md border border-line bg-raised px-3 py-2.5 font-mono text-[13px] wrap-anywhere select-all">
        {secret}
      </code>
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={() => void copy()}>
          {copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />} {copied ? 'Copied' : 'Copy'}
        </Button>
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
