// The files of a message: artifacts that name the message, and whose ids the message keeps.

import { type Artifact, type Message, StrongroomError, type UserView } from '../../pkg/index.js';

/** How far the files of a message are: `bytes` of the one at `index` are kept. */
export type Progress = (index: number, bytes: number) => void;

/** Keeps files with a message, one after the other. Those before one that fails stay with it. */
export async function attach(user: UserView, message: Message, files: File[], progress: Progress): Promise<void> {
  let kept = message;
  for (const [index, file] of files.entries()) {
    const artifact = await user.artifacts.put(
      { messageId: message.id, kind: 'attachment', name: file.name || 'unnamed', content: file },
      { onProgress: (bytes) => progress(index, bytes) },
    );
    const metadata = { ...kept.metadata, attachments: [...attachmentIds(kept), artifact.id] };
    kept = await user.messages.update({ id: kept.id, version: kept.version, metadata });
  }
}

/** The files of a message, without those that are deleted. */
export async function attachmentsOf(user: UserView, message: Message): Promise<Artifact[]> {
  const found = attachmentIds(message).map((id) =>
    user.artifacts.get(id).catch((error: unknown) => {
      if (error instanceof StrongroomError && error.code === 'not_found') return undefined;
      throw error;
    }),
  );
  return (await Promise.all(found)).filter((artifact) => artifact !== undefined);
}

/** Where the service worker answers with a file's content; see `sw.ts`. */
export function addressOf({ id }: Artifact): string {
  return `./strongroom/artifacts/${id}`;
}

function attachmentIds({ metadata }: Message): string[] {
  const { attachments } = metadata;
  return Array.isArray(attachments) ? attachments.filter((id) => typeof id === 'string') : [];
}
