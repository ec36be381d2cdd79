/** Sending what is uploaded, from where it is. */

import { given } from './artifacts.js';
import type { ArtifactContent, Calls, ContentOptions } from './artifacts.js';
import type { Upload, Uploads } from './types.js';

/** The calls for uploads, with the one that sends. */
export interface UploadGroup extends Uploads {
  /**
   * Sends a content from where the upload is, also after a reload: pass the same content, of which what has arrived is
   * skipped. Abort `signal` to pause. Resolves to the upload, which is `stored` then; `publish` makes the artifact of it.
   * `onProgress` is told the bytes that have arrived, those of before included.
   *
   * Rejects with `invalid_argument` when the content is not what was expected or may not be uploaded; then it starts
   * from the beginning when it is sent again. Rejects with `conflict` when it is stored already, or sent by two at once, and
   * with `quota_exceeded`; what has arrived stays.
   *
   * @example
   * const upload = await store.uploads.create({ userId: user.id, kind: 'file', name: file.name, size: file.size });
   * await store.uploads.send(upload.id, file, { onProgress: (bytes) => show(bytes / file.size), signal: pause.signal });
   * const artifact = await store.uploads.publish(upload.id);
   */
  send(id: string, content: ArtifactContent, options?: Omit<ContentOptions, 'requestId'>): Promise<Upload>;
}

/** @internal Adds the sending to the calls of the table. */
export function withSending(uploads: Uploads, calls: Calls): UploadGroup {
  return Object.freeze({
    ...uploads,
    send: async (id: string, content: ArtifactContent, options: Omit<ContentOptions, 'requestId'> = {}) =>
      given(calls, content, { upload: id }, options, () => uploads.get(id, options)),
  });
}
