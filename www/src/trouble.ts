// Says in plain words what went wrong and what can be done.

import { StrongroomError } from '../../pkg/index.js';

/** A failure as people are told of it. */
export interface Trouble {
  title: string;
  detail: string;
  /** What a button may offer. */
  action?: 'retry' | 'memory' | 'reload';
}

/** Explains an error. */
export function explain(error: unknown): Trouble {
  if (!(error instanceof StrongroomError)) {
    return { title: 'Something went wrong', detail: error instanceof Error ? error.message : String(error) };
  }
  switch (error.code) {
    case 'locked':
      return {
        title: 'This chat is open in another tab',
        detail: 'Only one tab at a time may write. Close the other one, then try again.',
        action: 'retry',
      };
    case 'unsupported':
      return {
        title: 'This browser cannot keep files here',
        detail:
          'It has no private file storage for this page; a private window is the most common reason. ' +
          'You can look around without keeping anything.',
        action: 'memory',
      };
    case 'quota_exceeded':
      return {
        title: 'There is no space left',
        detail:
          'Everything that was kept before is safe. Free some space on this device or delete conversations, then try again.',
        action: 'retry',
      };
    case 'storage_evicted':
      return {
        title: 'The browser has cleared this chat',
        detail: 'What was kept here was removed by the browser or by “clear site data”. You can begin anew.',
        action: 'retry',
      };
    case 'schema_too_new':
      return {
        title: 'This chat was written by a newer version',
        detail: 'Nothing was changed. Reload the page to get the newer version.',
        action: 'reload',
      };
    case 'corrupt':
      return {
        title: 'A part of what was kept cannot be read',
        detail: `It was set aside, not deleted. (${error.message})`,
        action: 'retry',
      };
    case 'indeterminate':
      return {
        title: 'The worker ended while it was writing',
        detail: 'Everything that was kept is here. The last step may or may not have been taken: look, then go on.',
      };
    case 'closed':
      return { title: 'The chat is closed', detail: 'Reload the page to open it again.', action: 'reload' };
    default:
      return error.retryable
        ? { title: 'That did not work', detail: error.message, action: 'retry' }
        : { title: 'That did not work', detail: error.message };
  }
}
