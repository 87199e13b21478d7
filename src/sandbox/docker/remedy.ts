/** What to type when the container engine does not work. Pure. */
export const BUILD_REMEDY =
  'Build the image: holdfast build-worker-image (with --base IMAGE where no registry is reachable). Nothing is pulled by itself.';

export function unreachableRemedy(socketPath: string, code: unknown): string {
  if (code === 'EACCES')
    return `This user may not use ${socketPath}. Add it to the group of that socket (sudo usermod -aG docker $USER), knowing that this group is as mighty as root, or use a rootless engine.`;
  return (
    'Install and start a container engine: apt-get install docker.io, or podman with systemctl enable --now podman.socket; ' +
    'then set sandbox.docker.socketPath when its socket is elsewhere.'
  );
}
