// What harness/harness.js puts into the page.

import type {
  Conversation,
  Page,
  serveArtifacts,
  Store,
  StoreOptions,
  StrongroomError,
  User,
} from '../../../pkg/index.js';

declare global {
  var harness: {
    openStore(name: string, options?: StoreOptions): Promise<Store>;
    StrongroomError: typeof StrongroomError;
    serveArtifacts: typeof serveArtifacts;
    registerServiceWorker(): Promise<void>;
    killWorker(): void;
    endWorkerSilently(): void;
    begin(store: Store, title?: string): Promise<{ user: User; conversation: Conversation }>;
    codeOf(promise: Promise<unknown>): Promise<string>;
    all<T>(list: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]>;
    textOf(store: Store, id: string): Promise<string>;
  };
}
